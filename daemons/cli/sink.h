#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace headpond::cli {

// Where a command's text goes. Not thread safe: commands that print from several threads hold their
// own Mutex.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Write(std::string_view text) = 0;
  virtual void Flush() {}
  // Someone is watching: progress bars are drawn only then.
  virtual bool is_terminal() const { return false; }

  template <typename... Args>
  void Line(fmt::format_string<Args...> format, Args&&... args) {
    Write(fmt::format(format, std::forward<Args>(args)...) + "\n");
  }
};

// One of the process's own streams, fully buffered unless a terminal.
class FdSink final : public Sink {
 public:
  explicit FdSink(int fd);
  ~FdSink() override { Flush(); }
  void Write(std::string_view text) override;
  void Flush() override;
  bool is_terminal() const override { return is_terminal_; }

 private:
  const int fd_;
  const bool is_terminal_;
  std::string buffer_;
};

// Keeps the text: for tests.
class StringSink final : public Sink {
 public:
  void Write(std::string_view text) override { text_ += text; }
  const std::string& text() const { return text_; }
  std::string Take() { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

}  // namespace headpond::cli

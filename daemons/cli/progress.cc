#include "cli/progress.h"

#include <algorithm>

#include "base/units.h"
#include "cli/format.h"

namespace headpond::cli {
namespace {

constexpr std::chrono::milliseconds kRedraw{200};
constexpr int kBarWidth = 30;

}  // namespace

std::string ProgressText(int64_t done, int64_t total, std::chrono::milliseconds elapsed) {
  const int64_t percent = std::clamp<int64_t>(Percent(done, total, 100), 0, 100);
  const auto filled = static_cast<size_t>(percent * kBarWidth / 100);
  const int64_t ms = std::max<int64_t>(elapsed.count(), 1);
  const auto rate =
      static_cast<int64_t>(static_cast<double>(done) * 1000 / static_cast<double>(ms));
  std::string left = "?";
  if (rate > 0) left = fmt::format("{}s", (std::max<int64_t>(total - done, 0) + rate - 1) / rate);
  return fmt::format("[{}] {}% {} of {}, {}/s, {} left",
                     PadRight(std::string(filled, '#'), kBarWidth), percent, FormatSize(done),
                     FormatSize(total), FormatSize(rate), left);
}

Progress::Progress(Sink& sink, const Clock& clock, int64_t total_bytes)
    : enabled_(sink.is_terminal()),
      sink_(sink),
      clock_(clock),
      start_(clock.Now()),
      total_(total_bytes),
      next_draw_(start_ + kRedraw) {}

void Progress::AddTotal(int64_t bytes) {
  MutexLock lock(mutex_);
  total_ += bytes;
}

void Progress::Add(int64_t bytes) {
  MutexLock lock(mutex_);
  done_ += bytes;
  const auto now = clock_.Now();
  if (!enabled_ || now < next_draw_) return;
  next_draw_ = now + kRedraw;
  drawn_ = true;
  // Back to the start of the line, and what was longer before is wiped.
  sink_.Write("\r" +
              ProgressText(done_, total_,
                           std::chrono::duration_cast<std::chrono::milliseconds>(now - start_)) +
              "\x1b[K");
  sink_.Flush();
}

void Progress::Clear() {
  MutexLock lock(mutex_);
  if (!std::exchange(drawn_, false)) return;
  sink_.Write("\r\x1b[K");
  sink_.Flush();
}

}  // namespace headpond::cli

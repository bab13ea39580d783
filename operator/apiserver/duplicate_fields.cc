#include "operator/apiserver/duplicate_fields.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr size_t kMost = 100;

// Follows the parser through a text; values themselves are of no interest.
class Follower : public nlohmann::json_sax<json> {
 public:
  std::vector<std::string> found;

  bool null() override { return Value(); }
  bool boolean(bool) override { return Value(); }
  bool number_integer(int64_t) override { return Value(); }
  bool number_unsigned(uint64_t) override { return Value(); }
  bool number_float(double, const std::string&) override { return Value(); }
  bool string(std::string&) override { return Value(); }
  bool binary(json::binary_t&) override { return Value(); }

  bool start_object(size_t) override { return Open(/*is_list=*/false); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(/*is_list=*/true); }
  bool end_array() override { return Close(); }

  bool key(std::string& name) override {
    Level& level = levels_.back();
    level.at = name;
    if (!level.names.insert(name).second) found.push_back(Path());
    return found.size() < kMost;
  }
  bool parse_error(size_t, const std::string&, const json::exception&) override { return false; }

 private:
  struct Level {
    bool is_list = false;
    size_t index = 0;             // of the next item
    std::string at;               // of an object: the field that is being read
    std::set<std::string> names;  // seen so far
  };

  bool Value() {
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  bool Open(bool is_list) {
    levels_.push_back({.is_list = is_list});
    return true;
  }
  bool Close() {
    levels_.pop_back();
    return Value();
  }

  std::string Path() const {
    std::string path;
    for (const Level& level : levels_)
      path += level.is_list ? fmt::format("[{}]", level.index)
                            : fmt::format("{}{}", path.empty() ? "" : ".", level.at);
    return path;
  }

  std::vector<Level> levels_;
};

}  // namespace

std::vector<std::string> DuplicateFields(std::string_view text) {
  Follower follower;
  json::sax_parse(text, &follower);
  return std::move(follower.found);
}

}  // namespace headpond::apiserver

#include "operator/kube/watch_decoder.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace headpond::kube {
namespace {

using nlohmann::json;

std::optional<WatchEvent::Type> TypeOf(std::string_view name) {
  using enum WatchEvent::Type;
  if (name == "ADDED") return kAdded;
  if (name == "MODIFIED") return kModified;
  if (name == "DELETED") return kDeleted;
  if (name == "BOOKMARK") return kBookmark;
  if (name == "ERROR") return kError;
  return std::nullopt;
}

Result<WatchEvent> ParseEvent(std::string_view line) {
  json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto object = event.is_object() ? event.find("object") : event.end();
  const auto type = event.is_object() ? event.find("type") : event.end();
  if (object == event.end() || !object->is_object() || type == event.end() || !type->is_string())
    return DataLoss("a watch sent a line that is no event: {}", line.substr(0, 200));
  const auto known = TypeOf(type->get_ref<const std::string&>());
  if (!known) return DataLoss("a watch sent an event of the unknown type {}", type->dump());
  return WatchEvent{*known, std::make_shared<const json>(std::move(*object))};
}

}  // namespace

Result<std::vector<WatchEvent>> WatchDecoder::Feed(std::string_view bytes) {
  std::vector<WatchEvent> events;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (rest_.size() + piece.size() > max_line_)
      return ResourceExhausted("a watch sent an event of more than {} bytes", max_line_);
    rest_.append(piece);
    if (end == bytes.npos) break;
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(rest_, {});
    if (line.empty()) continue;
    ASSIGN_OR_RETURN(WatchEvent event, ParseEvent(line));
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace headpond::kube

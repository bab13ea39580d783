#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "operator/apiserver/api_server.h"
#include "operator/apiserver/metadata.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A parameter tells the listener not to compress, and so not to hold back, what is written.
constexpr const char* kStreamType = "application/json;stream=watch";
constexpr milliseconds kStep(500);  // between looks at whether the listener ends
constexpr size_t kMaxScanned = 1000;
constexpr std::chrono::seconds kLongestWatch(3600);  // clients reconnect

// What a client asked to be told.
struct Wish {
  Representation how;
  Selector selector;
  std::string name_space;  // "": all
  int64_t after = 0;       // changes after this version
  bool initial = false;    // first everything that is there
  bool initial_bookmark = false;
  bool bookmarks = false;
  steady_clock::time_point end;
};

// One watch, asked for piece after piece by the listener. It keeps no queue: its place in the log
// is a number, so slow clients cost nothing, and too slow ones are told to list again.
class WatchStream {
 public:
  WatchStream(ObjectStore& store, const Clock& clock, Wish wish, milliseconds bookmark_interval,
              std::shared_ptr<std::atomic<int>> count)
      : store_(store),
        clock_(clock),
        wish_(std::move(wish)),
        version_(wish_.after),
        bookmark_interval_(bookmark_interval),
        next_bookmark_(steady_clock::now() + bookmark_interval),
        count_(std::move(count)) {}
  ~WatchStream() { --*count_; }

  std::optional<std::string> Next() {
    if (std::exchange(wish_.initial, false)) return Initial();
    const auto now = steady_clock::now();
    if (failed_ || now >= wish_.end) return std::nullopt;
    if (!store_.WaitForChange(version_, std::min(wish_.end, now + kStep))) return Idle();
    const auto changes = store_.ChangesAfter(version_, wish_.how.type->StoreGroup(),
                                             wish_.how.type->resource, kMaxScanned);
    if (!changes.ok()) {
      failed_ = true;
      return Line("ERROR", ToJson(ExpiredError(changes.status().message())));
    }
    version_ = changes->version;
    std::string text;
    for (const StoreEvent& event : changes->events) text += Describe(event);
    return text;
  }

 private:
  static std::string Line(const char* type, const json& object) {
    return Dump({{"type", type}, {"object", object}}) + "\n";
  }

  std::string Object(const char* type, const json& object) {
    return Line(type,
                Represent(wish_.how, object, clock_.NowMs(), !std::exchange(columns_sent_, true)));
  }

  bool Matches(const json& object) const {
    const ResourceType& type = *wish_.how.type;
    return type.to_wire == nullptr ? wish_.selector.Matches(object)
                                   : wish_.selector.Matches(type.to_wire(object));
  }

  std::string Initial() {
    const auto list =
        store_.Objects(wish_.how.type->StoreGroup(), wish_.how.type->resource,
                       wish_.name_space.empty() ? std::nullopt : std::optional(wish_.name_space));
    version_ = list.version;
    std::string text;
    for (const StoredObject& stored : list.objects)
      if (Matches(*stored.object)) text += Object("ADDED", *stored.object);
    if (wish_.initial_bookmark) text += Bookmark(true);
    return text;
  }

  std::string Bookmark(bool initial_end) {
    const ResourceType& type = *wish_.how.type;
    json object = {{"kind", type.kind},
                   {"apiVersion", type.GroupVersion()},
                   {"metadata", {{"resourceVersion", std::to_string(version_)}}}};
    if (initial_end) object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
    return Line("BOOKMARK", wish_.how.form == Form::kObject
                                ? object
                                : Represent(wish_.how, object, clock_.NowMs(), false));
  }

  std::string Idle() {
    if (!wish_.bookmarks || steady_clock::now() < next_bookmark_) return "";
    next_bookmark_ = steady_clock::now() + bookmark_interval_;
    return Bookmark(false);
  }

  // An object that starts to match is added for the client, one that stops is deleted.
  std::string Describe(const StoreEvent& event) {
    if (!wish_.name_space.empty() && event.key.name_space != wish_.name_space) return "";
    const bool was = event.before && Matches(*event.before);
    if (event.type == EventType::kDeleted) return was ? Object("DELETED", *event.object) : "";
    const bool is = Matches(*event.object);
    if (is) return Object(was ? "MODIFIED" : "ADDED", *event.object);
    if (!was) return "";
    json last = *event.before;
    last["metadata"]["resourceVersion"] = std::to_string(event.version);
    return Object("DELETED", last);
  }

  ObjectStore& store_;
  const Clock& clock_;
  Wish wish_;
  int64_t version_;
  const milliseconds bookmark_interval_;
  steady_clock::time_point next_bookmark_;
  const std::shared_ptr<std::atomic<int>> count_;
  bool columns_sent_ = false;
  bool failed_ = false;
};

std::chrono::seconds TimeoutOf(const http::Request& request) {
  const std::string text = Query(request, "timeoutSeconds");
  int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds > 0 ? std::min(std::chrono::seconds(seconds), kLongestWatch) : kLongestWatch;
}

ApiError BadListOption(const char* field, std::string message) {
  return InvalidError("meta.k8s.io", "ListOptions", "",
                      {{"FieldValueForbidden", "Forbidden: " + message, field}});
}

}  // namespace

Outcome<http::Response> ApiServer::Watch(Call& call) {
  const http::Request& request = call.request;
  Wish wish{.name_space = call.path.name_space,
            .bookmarks = Query(request, "allowWatchBookmarks") == "true",
            .end = steady_clock::now() + TimeoutOf(request)};
  ASSIGN_OR_RETURN(wish.how, RepresentationOf(call));
  ASSIGN_OR_RETURN(wish.selector, Selector::Parse(call.type, Query(request, "labelSelector"),
                                                  Query(request, "fieldSelector")));
  const std::string version = Query(request, "resourceVersion");
  const std::string match = Query(request, "resourceVersionMatch");
  const bool initial_events = Query(request, "sendInitialEvents") == "true";
  if (initial_events && match != "NotOlderThan")
    return BadListOption("resourceVersionMatch",
                         "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  if (!initial_events && !match.empty())
    return BadListOption("resourceVersionMatch",
                         "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
                         "provided");
  if (!version.empty()) {
    const auto [end, error] =
        std::from_chars(version.data(), version.data() + version.size(), wish.after);
    if (error != std::errc() || end != version.data() + version.size() || wish.after < 0)
      return BadRequestError(fmt::format("resource version \"{}\" is not a number", version));
  }
  wish.initial = initial_events || wish.after == 0;
  wish.initial_bookmark = initial_events && wish.bookmarks;
  if (watches_->fetch_add(1) >= options_.max_watches) {
    --*watches_;
    return ApiError{.code = 429,
                    .reason = "TooManyRequests",
                    .message = fmt::format("all {} watches are taken", options_.max_watches),
                    .retry_after_seconds = 1};
  }
  const auto stream = std::make_shared<WatchStream>(store_, clock_, std::move(wish),
                                                    options_.bookmark_interval, watches_);
  return http::Response{.content_type = kStreamType,
                        .headers = {{"Cache-Control", "no-cache, private"}},
                        .stream = [stream] { return stream->Next(); }};
}

}  // namespace headpond::apiserver

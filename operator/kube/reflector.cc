#include "operator/kube/reflector.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace headpond::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::string_view kComponent = "reflector";
constexpr int kGone = 410;
// A watch that ends sooner than this without a word is a fault of the server or of what is between,
// not an end in good order (client-go's "very short watch").
constexpr milliseconds kShortestWatch{1000};
// That a server is away, which each try finds anew.
constexpr std::chrono::seconds kTellAgain{30};

// An ERROR event carries a metav1.Status.
Status FromErrorEvent(const json& status) {
  const auto text = [&](const char* field) {
    const auto found = status.find(field);
    return found != status.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const auto code = status.find("code");
  const bool gone = code != status.end() && code->is_number_integer() && *code == kGone;
  if (gone || text("reason") == "Expired" || text("reason") == "Gone")
    return OutOfRange("{}", text("message"));
  return Unavailable("the watch ended: {} {}", text("reason"), text("message"));
}

}  // namespace

Reflector::Reflector(Options options, ObjectSource& source, ObjectCache& cache, const Clock& clock,
                     Random random, std::function<void(const ObjectName&)> on_change)
    : options_(std::move(options)),
      source_(source),
      cache_(cache),
      clock_(clock),
      random_(std::move(random)),
      on_change_(std::move(on_change)) {}

Reflector::~Reflector() {
  Stop();
}

void Reflector::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Reflector::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  source_.Wake();
  if (thread_.joinable()) thread_.join();
}

bool Reflector::WaitForSync(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!synced_ && !stopped_)
    if (!changed_.WaitUntil(mutex_, deadline)) return synced_;
  return synced_;
}

void Reflector::Run() {
  while (!stopped_) {
    const Status why = ListAndWatch();
    if (!stopped_) BackOff(why);
  }
}

Status Reflector::ListAndWatch() {
  RETURN_IF_ERROR(ListAll());
  failures_ = 0;
  {
    MutexLock lock(mutex_);
    synced_ = true;
    changed_.NotifyAll();
  }
  while (!stopped_) {
    const Status ended = WatchOnce();
    if (ended.ok()) {
      failures_ = 0;
      continue;
    }
    // The server has forgotten what came after our version, or sends what can't be read.
    if (ended.code() == Code::kOutOfRange || ended.code() == Code::kDataLoss) return ended;
    if (!stopped_) BackOff(ended);
  }
  return Status::Ok();
}

Status Reflector::ListAll() {
  ++lists_;
  std::vector<Object> objects;
  int64_t version = 0;
  std::string next;
  do {
    if (stopped_) return Cancelled("stopped");
    ASSIGN_OR_RETURN(ListPage page, source_.List(next));
    // All pages are of the first one's version.
    if (next.empty()) version = page.version;
    objects.insert(objects.end(), page.items.begin(), page.items.end());
    next = std::move(page.next);
  } while (!next.empty());
  version_ = version;
  for (const ObjectName& name : cache_.Replace(objects, version)) on_change_(name);
  return Status::Ok();
}

Status Reflector::WatchOnce() {
  ++watches_;
  WatchDecoder decoder;
  const auto on_bytes = [&](std::string_view bytes) -> Status {
    ASSIGN_OR_RETURN(const std::vector<WatchEvent> events, decoder.Feed(bytes));
    for (const WatchEvent& event : events) RETURN_IF_ERROR(Take(event));
    return Status::Ok();
  };
  const auto spread = static_cast<uint64_t>(options_.watch_timeout.count()) + 1;
  const auto timeout =
      options_.watch_timeout + std::chrono::seconds(static_cast<int64_t>(random_.Below(spread)));
  const auto begun = clock_.Now();
  const int64_t events_before = events_;
  RETURN_IF_ERROR(source_.Watch(version_, timeout, on_bytes, [this] { return stopped_.load(); }));
  if (decoder.cut()) return Unavailable("the watch ended in the middle of an event");
  if (events_ == events_before && clock_.Now() - begun < kShortestWatch)
    return Unavailable("the watch ended at once");
  return Status::Ok();
}

Status Reflector::Take(const WatchEvent& event) {
  if (event.type == WatchEvent::Type::kError) return FromErrorEvent(*event.object);
  failures_ = 0;
  ++events_;
  const int64_t version = VersionOf(*event.object);
  if (version == 0) return DataLoss("a watch sent an object without a resource version");
  version_ = std::max(version_, version);
  if (event.type == WatchEvent::Type::kBookmark) {
    cache_.Advance(version);
    return Status::Ok();
  }
  const bool changed = event.type == WatchEvent::Type::kDeleted ? cache_.Remove(*event.object)
                                                                : cache_.Put(event.object);
  if (changed) on_change_(NameOf(*event.object));
  return Status::Ok();
}

void Reflector::BackOff(const Status& why) {
  constexpr int kMaxDoublings = 20;
  const bool missing = why.code() == Code::kNotFound;
  auto base = std::min(options_.first_backoff * (int64_t{1} << std::min(failures_, kMaxDoublings)),
                       options_.longest_backoff);
  if (missing) base = std::min(base, options_.missing_backoff);
  const bool away = !missing && !source_.answered();
  if (away) base = std::min(base, options_.away_backoff);
  const auto jitter =
      milliseconds(static_cast<int64_t>(random_.Below(static_cast<uint64_t>(base.count()) + 1)));
  const milliseconds delay = std::max(base + jitter, source_.retry_after());
  const auto now = clock_.Now();
  const bool told = failures_++ > 0 && told_at_ && now - *told_at_ < kTellAgain;
  if (!told) told_at_ = now;
  if (missing)
    LogWarn(kComponent, "the API server has no {}; {}; waiting for them", options_.name,
            options_.remedy_when_missing);
  else if (!away || !told)
    LogInfo(kComponent, "{}: {}; again in {} ms", options_.name, why.ToString(), delay.count());
  const auto deadline = std::chrono::steady_clock::now() + delay;
  MutexLock lock(mutex_);
  while (!stopped_ && changed_.WaitUntil(mutex_, deadline)) {
  }
}

}  // namespace headpond::kube

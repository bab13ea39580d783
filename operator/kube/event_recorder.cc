#include "operator/kube/event_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/rfc3339.h"

namespace headpond::kube {
namespace {

using nlohmann::json;

constexpr std::string_view kComponent = "events";
constexpr size_t kMaxQueued = 256;
constexpr size_t kMaxText = 1024;  // of a note, as Kubernetes allows
const Resource kEvents{"events.k8s.io", "v1", "events"};

json NewEvent(const EventNote& note, const std::string& name, int64_t now_ms) {
  const ObjectReference& about = note.regarding;
  return {{"apiVersion", "events.k8s.io/v1"},
          {"kind", "Event"},
          {"metadata", {{"namespace", about.name_space}, {"name", name}}},
          {"eventTime", FormatRfc3339Micros(Instant::FromMs(now_ms))},
          {"type", note.warning ? "Warning" : "Normal"},
          {"reason", note.reason},
          {"action", note.action},
          {"note", note.text.substr(0, kMaxText)},
          {"regarding",
           {{"apiVersion", about.api_version},
            {"kind", about.kind},
            {"namespace", about.name_space},
            {"name", about.name},
            {"uid", about.uid}}}};
}

}  // namespace

EventFilter::Key EventFilter::KeyOf(const EventNote& note) {
  return {note.regarding.uid, note.warning, note.reason, note.action, note.text};
}

void EventFilter::MakeRoom(int64_t now_ms) {
  constexpr int64_t kSeriesMs = std::chrono::milliseconds(kSeriesEnd).count();
  constexpr int64_t kFullMs = kBurst * std::chrono::milliseconds(kRefill).count();
  if (series_.size() >= kMostObjects)
    std::erase_if(series_,
                  [&](const auto& one) { return now_ms - one.second.last_ms > kSeriesMs; });
  if (buckets_.size() >= kMostObjects)
    std::erase_if(buckets_, [&](const auto& one) { return now_ms - one.second.at_ms > kFullMs; });
}

EventFilter::Verdict EventFilter::Judge(const EventNote& note, int64_t now_ms) {
  MakeRoom(now_ms);
  if (series_.size() >= kMostObjects || buckets_.size() >= kMostObjects) return {};
  Bucket& bucket = buckets_.try_emplace(note.regarding.uid, Bucket{kBurst, now_ms}).first->second;
  const double refill_ms = static_cast<double>(std::chrono::milliseconds(kRefill).count());
  const double back = static_cast<double>(now_ms - bucket.at_ms) / refill_ms;
  bucket.tokens = std::min<double>(kBurst, bucket.tokens + back);
  bucket.at_ms = now_ms;
  if (bucket.tokens < 1) return {};
  bucket.tokens -= 1;

  Series& series = series_[KeyOf(note)];
  const bool goes_on =
      series.count > 0 && now_ms - series.last_ms <= std::chrono::milliseconds(kSeriesEnd).count();
  if (!goes_on) series = {.name = fmt::format("{}.{:016x}", note.regarding.name, random_.Next())};
  series.last_ms = now_ms;
  return {.heard = true, .name = series.name, .count = ++series.count};
}

void EventFilter::Forget(const EventNote& note) {
  series_.erase(KeyOf(note));
}

EventRecorder::EventRecorder(Client& client, const Clock& clock, Random random,
                             std::string controller, std::string instance)
    : client_(client),
      clock_(clock),
      controller_(std::move(controller)),
      instance_(std::move(instance)),
      filter_(std::move(random)),
      sender_("events", 1, kMaxQueued) {}

EventRecorder::~EventRecorder() {
  Stop();
}

void EventRecorder::Stop() {
  stopped_ = true;
  sender_.Shutdown();
}

void EventRecorder::Record(EventNote note) {
  (void)sender_.Submit([this, note = std::move(note)] { Send(note); });
}

void EventRecorder::Send(const EventNote& note) {
  if (stopped_) return;
  const int64_t now_ms = clock_.NowMs();
  EventFilter::Verdict verdict;
  {
    MutexLock lock(mutex_);
    verdict = filter_.Judge(note, now_ms);
  }
  if (!verdict.heard) return;
  Status told = Status::Ok();
  if (verdict.count > 1) {
    const json series = {{"series",
                          {{"count", verdict.count},
                           {"lastObservedTime", FormatRfc3339Micros(Instant::FromMs(now_ms))}}}};
    told = client_.MergePatch(kEvents, {note.regarding.name_space, verdict.name}, series).status();
  } else {
    json event = NewEvent(note, verdict.name, now_ms);
    event["reportingController"] = controller_;
    event["reportingInstance"] = instance_;
    told = client_.Create(kEvents, event).status();
  }
  if (told.ok()) return;
  LogWarn(kComponent, "not told: {} {}: {}", note.reason, note.regarding.name, told.message());
  MutexLock lock(mutex_);
  filter_.Forget(note);
}

}  // namespace headpond::kube

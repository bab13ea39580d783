#include "operator/apiserver/testing/scripted_faults.h"

#include <utility>

#include "operator/apiserver/api_error.h"
#include "operator/apiserver/representation.h"

namespace headpond::apiserver {
namespace {

bool IsWrite(const http::Request& request) {
  return request.method != "GET" && request.method != "HEAD";
}

bool Concerns(const RequestFilter& which, const http::Request& request) {
  return !which || which(request);
}

http::Response Refused(int code) {
  ApiError error{.code = code, .reason = "InternalError", .message = "a fault on demand"};
  if (code == 409) error.reason = "Conflict";
  if (code == 429) error.reason = "TooManyRequests";
  if (code == 503) error.reason = "ServiceUnavailable";
  if (code == 429 || code == 503) error.retry_after_seconds = 1;
  return ErrorResponse(error);
}

std::string ListKey(const http::Request& request) {
  return request.path + "?" + Query(request, "labelSelector") + "&" +
         Query(request, "fieldSelector");
}

}  // namespace

void ScriptedFaults::RefuseNext(int count, int code, RequestFilter which) {
  const MutexLock lock(mutex_);
  refusals_.push_back({count, code, std::move(which)});
}

void ScriptedFaults::CrashAfterWrite(int count, RequestFilter which) {
  const MutexLock lock(mutex_);
  writes_until_crash_ = count;
  crash_filter_ = std::move(which);
}

bool ScriptedFaults::crashed() const {
  const MutexLock lock(mutex_);
  return crashed_;
}

void ScriptedFaults::Restart() {
  const MutexLock lock(mutex_);
  crashed_ = false;
  writes_until_crash_ = 0;
}

int ScriptedFaults::writes() const {
  const MutexLock lock(mutex_);
  return writes_;
}

void ScriptedFaults::RememberLists() {
  const MutexLock lock(mutex_);
  remembering_ = true;
  old_lists_.clear();
}

void ScriptedFaults::ServeOldLists(int count) {
  const MutexLock lock(mutex_);
  remembering_ = false;
  old_lists_left_ = count;
}

void ScriptedFaults::DropEvent(int index) {
  const MutexLock lock(mutex_);
  event_faults_[index] = EventFault::kDrop;
}

void ScriptedFaults::RepeatEvent(int index) {
  const MutexLock lock(mutex_);
  event_faults_[index] = EventFault::kRepeat;
}

void ScriptedFaults::CutInEvent(int index) {
  const MutexLock lock(mutex_);
  event_faults_[index] = EventFault::kCut;
}

std::optional<http::Response> ScriptedFaults::Instead(const http::Request& request) {
  const MutexLock lock(mutex_);
  if (crashed_) return Refused(503);
  for (auto refusal = refusals_.begin(); refusal != refusals_.end(); ++refusal) {
    if (!Concerns(refusal->which, request)) continue;
    const int code = refusal->code;
    if (--refusal->left <= 0) refusals_.erase(refusal);
    return Refused(code);
  }
  return std::nullopt;
}

http::Response ScriptedFaults::Distort(const http::Request& request, http::Response response) {
  const MutexLock lock(mutex_);
  if (response.stream) {
    auto pieces = std::move(response.stream);
    response.stream = [this, pieces = std::move(pieces),
                       ended = false]() mutable -> std::optional<std::string> {
      if (ended) return std::nullopt;
      const auto piece = pieces();
      if (!piece) return std::nullopt;
      return DistortPiece(*piece, ended);
    };
    return response;
  }
  if (IsWrite(request)) {
    if (response.status >= 300 || !Concerns(crash_filter_, request)) return response;
    ++writes_;
    if (writes_until_crash_ == 0 || --writes_until_crash_ > 0) return response;
    crashed_ = true;
    return Refused(503);
  }
  if (response.status != 200) return response;
  if (remembering_) old_lists_.emplace(ListKey(request), response);
  const auto old = old_lists_.find(ListKey(request));
  if (remembering_ || old_lists_left_ == 0 || old == old_lists_.end()) return response;
  --old_lists_left_;
  return old->second;
}

std::string ScriptedFaults::DistortPiece(const std::string& piece, bool& ended) {
  const MutexLock lock(mutex_);
  std::string out;
  for (size_t begin = 0; begin < piece.size() && !ended;) {
    const size_t end = std::min(piece.find('\n', begin), piece.size() - 1) + 1;
    const std::string line = piece.substr(begin, end - begin);
    begin = end;
    const auto fault = event_faults_.find(events_++);
    if (fault == event_faults_.end()) {
      out += line;
      continue;
    }
    switch (fault->second) {
      case EventFault::kDrop: break;
      case EventFault::kRepeat: out += line + line; break;
      case EventFault::kCut:
        out += line.substr(0, line.size() / 2);
        ended = true;
        break;
    }
  }
  return out;
}

}  // namespace headpond::apiserver

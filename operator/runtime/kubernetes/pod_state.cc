#include "operator/runtime/kubernetes/pod_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"

namespace headpond::runtime::k8s {
namespace {

using nlohmann::json;
using plan::Phase;

constexpr int kFirstSignalCode = 128;  // exit codes above it stand for signals

const json& At(const json& value, std::initializer_list<const char*> path) {
  static const json null;
  const json* at = &value;
  for (const char* const name : path) {
    if (!at->is_object()) return null;
    const auto found = at->find(name);
    if (found == at->end()) return null;
    at = &*found;
  }
  return *at;
}

std::string Text(const json& value, std::initializer_list<const char*> path) {
  const json& at = At(value, path);
  return at.is_string() ? at.get<std::string>() : "";
}

int64_t Number(const json& value, std::initializer_list<const char*> path) {
  const json& at = At(value, path);
  return at.is_number_integer() ? at.get<int64_t>() : 0;
}

int64_t Time(const json& value, std::initializer_list<const char*> path) {
  return ParseRfc3339Ms(Text(value, path));
}

// Why a container can't be started at all, by the kubelet's word for it; null: nothing is wrong.
const char* ReasonOfNoStart(std::string_view waiting) {
  constexpr std::pair<std::string_view, const char*> kReasons[] = {
      {"ErrImagePull", "ImagePullFailed"},           {"ImagePullBackOff", "ImagePullFailed"},
      {"ErrImageNeverPull", "ImageNotPresent"},      {"InvalidImageName", "ImagePullFailed"},
      {"CreateContainerConfigError", "StartFailed"}, {"CreateContainerError", "StartFailed"},
      {"RunContainerError", "StartFailed"}};
  const auto found =
      std::ranges::find(kReasons, waiting, &std::pair<std::string_view, const char*>::first);
  return found == std::end(kReasons) ? nullptr : found->second;
}

// The status of the daemon's container, or of the one before it as long as that can't be started;
// null before the kubelet has seen the pod.
const json& ContainerStatus(const json& pod) {
  static const json null;
  const json& first = At(pod, {"status", "initContainerStatuses"});
  if (first.is_array() && !first.empty() &&
      ReasonOfNoStart(Text(first.at(0), {"state", "waiting", "reason"})) != nullptr)
    return first.at(0);
  const json& statuses = At(pod, {"status", "containerStatuses"});
  return statuses.is_array() && !statuses.empty() ? statuses.at(0) : null;
}

// The end that the container's present state is about; null while it runs or begins to.
const json& LastEnd(const json& status) {
  const json& now = At(status, {"state", "terminated"});
  return now.is_object() ? now : At(status, {"lastState", "terminated"});
}

bool HasEnded(const json& status) {
  return At(status, {"state", "terminated"}).is_object() ||
         Text(status, {"state", "waiting", "reason"}) == "CrashLoopBackOff";
}

std::string HowItEnded(const json& end) {
  const int64_t code = Number(end, {"exitCode"});
  std::string text;
  if (Text(end, {"reason"}) == "OOMKilled")
    text = "ran out of memory (resources.memory in the spec)";
  else if (code > kFirstSignalCode)
    text = fmt::format("was killed by signal {}", code - kFirstSignalCode);
  else
    text = fmt::format("exited with code {}", code);
  std::string last = Text(end, {"message"});
  last.erase(last.find_last_not_of(" \r\n") + 1);
  return last.empty() ? text : fmt::format("{}; last output: {}", text, last);
}

const json* Condition(const json& pod, std::string_view type) {
  const json& conditions = At(pod, {"status", "conditions"});
  if (!conditions.is_array()) return nullptr;
  for (const json& condition : conditions)
    if (Text(condition, {"type"}) == type) return &condition;
  return nullptr;
}

bool IsTrue(const json* condition) {
  return condition != nullptr && Text(*condition, {"status"}) == "True";
}

// When a node doesn't answer, Kubernetes says of its pods that they aren't ready, and leaves the
// rest as the kubelet saw it last; which gives a reason whenever it says so itself.
bool IsCutOff(const json& pod) {
  const json* const ready = Condition(pod, "Ready");
  return ready != nullptr && Text(*ready, {"status"}) == "False" &&
         Text(*ready, {"reason"}).empty() && IsTrue(Condition(pod, "ContainersReady"));
}

// Why a pod that is wanted doesn't serve yet.
std::string WhyNotYet(const json& pod) {
  const json* const scheduled = Condition(pod, "PodScheduled");
  if (scheduled != nullptr && Text(*scheduled, {"status"}) == "False")
    return "the pod has no node: " + Text(*scheduled, {"message"});
  if (IsCutOff(pod)) return fmt::format("node {} does not answer", Text(pod, {"spec", "nodeName"}));
  const json& status = ContainerStatus(pod);
  const std::string waiting = Text(status, {"state", "waiting", "reason"});
  if (!waiting.empty()) return "the container is not there yet: " + waiting;
  if (At(status, {"state", "running"}).is_object()) return "the pod is not ready";
  const std::string message = Text(pod, {"status", "message"});
  return message.empty() ? "the pod is " + Text(pod, {"status", "phase"}) : message;
}

bool IsWanted(const json& stateful_set) {
  return Number(stateful_set, {"spec", "replicas"}) > 0;
}

bool IsPodOf(const json& pod, const json& stateful_set) {
  const json& owners = At(pod, {"metadata", "ownerReferences"});
  return owners.is_array() && std::ranges::any_of(owners, [&](const json& owner) {
           return Text(owner, {"uid"}) == Text(stateful_set, {"metadata", "uid"});
         });
}

plan::ObservedWorkload Identify(const json& stateful_set) {
  plan::ObservedWorkload workload{.name = LabelOf(stateful_set, kWorkloadLabel),
                                  .role = LabelOf(stateful_set, kComponentLabel) == "worker"
                                              ? plan::Role::kWorker
                                              : plan::Role::kMaster,
                                  .config_hash = AnnotationOf(stateful_set, kHashAnnotation)};
  const std::string ordinal = LabelOf(stateful_set, kOrdinalLabel);
  std::from_chars(ordinal.data(), ordinal.data() + ordinal.size(), workload.ordinal);
  return workload;
}

// A container that can't run, or has run: of a pod that is wanted and not on its way out.
void LookAtEnd(const json& status, plan::ObservedWorkload& workload) {
  workload.phase = Phase::kExited;
  const json& end = LastEnd(status);
  workload.exited_at_ms = Time(end, {"finishedAt"});
  workload.started_at_ms = Time(end, {"startedAt"});
  workload.reason = Text(end, {"reason"}) == "OOMKilled" ? "OutOfMemory" : "Crashed";
  workload.message = HowItEnded(end);
}

// An IPv6 address as it stands before a port.
std::string UrlHost(const std::string& address) {
  return address.find(':') == std::string::npos ? address : fmt::format("[{}]", address);
}

}  // namespace

int ExitsOf(const json& pod) {
  const json& status = ContainerStatus(pod);
  const bool failed =
      HasEnded(status) || ReasonOfNoStart(Text(status, {"state", "waiting", "reason"})) != nullptr;
  return static_cast<int>(Number(status, {"restartCount"})) + (failed ? 1 : 0);
}

int CrashesOf(const Record& record, const json* pod, const plan::RestartPolicy& policy) {
  if (pod == nullptr) return record.crashes;
  const bool counted = Text(*pod, {"metadata", "uid"}) == record.counted_pod;
  const int fresh = ExitsOf(*pod) - (counted ? record.counted_exits : 0);
  if (fresh <= 0) return record.crashes;
  const json& end = LastEnd(ContainerStatus(*pod));
  // The last of them; those before it were counted as they came, or nobody saw them.
  return plan::NextCrashCount(record.crashes + fresh - 1, Time(end, {"startedAt"}),
                              Time(end, {"finishedAt"}), policy);
}

std::optional<plan::Probe> QuorumProbe(const json& pod) {
  const json& containers = At(pod, {"spec", "containers"});
  const std::string host = Text(pod, {"status", "podIP"});
  if (host.empty() || !containers.is_array() || containers.empty()) return std::nullopt;
  if (!At(ContainerStatus(pod), {"state", "running"}).is_object()) return std::nullopt;
  std::map<std::string, int> ports;
  for (const json& port : At(containers.at(0), {"ports"}))
    ports[Text(port, {"name"})] = static_cast<int>(Number(port, {"containerPort"}));
  if (!ports.contains("embedded")) return std::nullopt;
  return plan::Probe{.host = UrlHost(host),
                     .rpc_port = ports["rpc"],
                     .web_port = ports["web"],
                     .path = Text(containers.at(0), {"readinessProbe", "httpGet", "path"})};
}

bool MayRun(const json& pod) {
  const std::string phase = Text(pod, {"status", "phase"});
  if (phase == "Failed" || phase == "Succeeded") return false;
  const json& status = ContainerStatus(pod);
  return !HasEnded(status) &&
         ReasonOfNoStart(Text(status, {"state", "waiting", "reason"})) == nullptr;
}

plan::ObservedWorkload Look(const json& stateful_set, const json* pod,
                            const plan::RestartPolicy& policy) {
  plan::ObservedWorkload workload = Identify(stateful_set);
  const Record record = ReadRecord(stateful_set);
  workload.refusal = record.refusal;
  const bool ours = pod != nullptr && IsPodOf(*pod, stateful_set);
  if (pod != nullptr) {
    workload.scheduled_to = Text(*pod, {"spec", "nodeName"});
    workload.cut_off = IsCutOff(*pod);
    if (workload.cut_off) workload.message = WhyNotYet(*pod);
  }
  if (!IsWanted(stateful_set)) {
    // A controller that hasn't seen that yet may just be making a pod.
    const bool seen = Number(stateful_set, {"status", "observedGeneration"}) >=
                      Number(stateful_set, {"metadata", "generation"});
    workload.phase = pod == nullptr && seen ? Phase::kExited : Phase::kStopping;
    if (workload.phase == Phase::kExited) {
      workload.reason = "Stopped";
      workload.exited_at_ms = record.stop_requested_at_ms;
    }
    return workload;
  }
  workload.crashes = CrashesOf(record, ours ? pod : nullptr, policy);
  workload.started_at_ms = record.started_at_ms;
  if (pod == nullptr) {
    workload.message = "its pod is not there yet: kubectl describe statefulset " + workload.name;
    return workload;
  }
  if (!ours || !Text(*pod, {"metadata", "deletionTimestamp"}).empty()) {
    workload.phase = Phase::kStopping;
    return workload;
  }
  const json& status = ContainerStatus(*pod);
  if (HasEnded(status)) {
    LookAtEnd(status, workload);
    return workload;
  }
  const std::string waiting = Text(status, {"state", "waiting", "reason"});
  if (const char* const reason = ReasonOfNoStart(waiting)) {
    workload.phase = Phase::kExited;
    workload.start_failed = true;
    workload.reason = reason;
    workload.message =
        fmt::format("{}: {}", waiting, Text(status, {"state", "waiting", "message"}));
    workload.exited_at_ms =
        std::max(record.started_at_ms, Time(*pod, {"metadata", "creationTimestamp"}));
    return workload;
  }
  // A pod that was made before the present configuration runs the one that it was made with.
  if (const std::string hash = AnnotationOf(*pod, kHashAnnotation); !hash.empty())
    workload.config_hash = hash;
  if (const int64_t started = Time(status, {"state", "running", "startedAt"}); started != 0)
    workload.started_at_ms = started;
  workload.serving = IsTrue(Condition(*pod, "Ready"));
  if (!workload.serving) workload.message = WhyNotYet(*pod);
  return workload;
}

}  // namespace headpond::runtime::k8s

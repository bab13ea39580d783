#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/client.h"
#include "operator/plan/plan.h"
#include "operator/runtime/runtime.h"

// What a workload is in Kubernetes: pure functions from the one to the other's objects.
namespace headpond::runtime::k8s {

inline const kube::Resource kStatefulSets{"apps", "v1", "statefulsets"};
inline const kube::Resource kPods{"", "v1", "pods"};
inline const kube::Resource kServices{"", "v1", "services"};
inline const kube::Resource kSecrets{"", "v1", "secrets"};
inline const kube::Resource kClaims{"", "v1", "persistentvolumeclaims"};
inline const kube::Resource kBudgets{"policy", "v1", "poddisruptionbudgets"};
inline const kube::Resource kPolicies{"networking.k8s.io", "v1", "networkpolicies"};

inline constexpr const char* kManager = "headpond-operator";
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kComponentLabel = "app.kubernetes.io/component";
// Identity hangs on this one alone: the uid of the cluster's data.
inline constexpr const char* kUidLabel = "headpond.dev/cluster-uid";
inline constexpr const char* kWorkloadLabel = "headpond.dev/workload";
inline constexpr const char* kOrdinalLabel = "headpond.dev/ordinal";
inline constexpr const char* kHashAnnotation = "headpond.dev/config-hash";
// When the configuration of a Secret was first seen to serve; ms since the epoch.
inline constexpr const char* kServedAnnotation = "headpond.dev/served-at-ms";
// Of an object that isn't looked at again as long as this is what we want.
inline constexpr const char* kObjectHashAnnotation = "headpond.dev/object-hash";
inline constexpr const char* kRecordAnnotation = "headpond.dev/record";
// The kept workload in a Secret, beside its files.
inline constexpr const char* kKeptKey = "workload.json";

// An object and where it belongs.
struct Wanted {
  kube::Resource resource;
  kube::Object object;
};

// What a StatefulSet remembers of its daemon that nothing else tells, as an annotation.
struct Record {
  int64_t started_at_ms = 0;
  int64_t stop_requested_at_ms = 0;  // 0: the daemon is wanted
  // Ends that were counted before: those of earlier pods, and `counted_exits` of `counted_pod`.
  int crashes = 0;
  std::string counted_pod;  // uid
  int counted_exits = 0;
  std::optional<plan::Refusal> refusal;  // the latest
};
Record ReadRecord(const nlohmann::json& stateful_set);
std::string RecordText(const Record& record);

// A label or an annotation; "" when there is none.
std::string LabelOf(const nlohmann::json& object, std::string_view key);
std::string AnnotationOf(const nlohmann::json& object, std::string_view key);
// True when `object` was made for the cluster, whoever changed it since.
bool BelongsTo(const nlohmann::json& object, const ClusterRef& cluster);

// The name of the StatefulSet's only pod.
std::string PodName(const std::string& workload);
// The name of the Secret with one configuration of a workload.
std::string SecretName(const std::string& workload, const std::string& config_hash);

// What all daemons of a role need besides themselves: the Services, the disruption budget, the
// network policy.
std::vector<Wanted> SharedObjects(const ClusterRef& cluster, const plan::Workload& workload);
// The workload's files, and itself, so that it can be started again.
Wanted SecretOf(const ClusterRef& cluster, const plan::Workload& workload);
// The claim of a volume with claim_bytes. It has no owner: data outlives clusters.
Wanted ClaimOf(const ClusterRef& cluster, const plan::Workload& workload,
               const plan::Volume& volume);
// How much a claim asks for, in bytes; 0 when it doesn't say.
int64_t ClaimedBytes(const nlohmann::json& claim);
// The daemon, to run.
Wanted StatefulSetOf(const ClusterRef& cluster, const plan::Workload& workload,
                     const Record& record);

}  // namespace headpond::runtime::k8s

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "operator/plan/plan.h"
#include "operator/runtime/kubernetes/objects.h"

// What a daemon does, read from its StatefulSet and pod. Pure.
namespace headpond::runtime::k8s {

// How often the daemon of this pod ended without being asked or could not be started, the last time
// included. The kubelet tries again itself, with pauses, so that daemons are healed while the
// operator is away.
int ExitsOf(const nlohmann::json& pod);

// Ends in a row, of earlier pods and this one: what Record::crashes becomes when this pod goes.
// A daemon that ran for the policy's `stable_after` before its last end counts anew.
int CrashesOf(const Record& record, const nlohmann::json* pod, const plan::RestartPolicy& policy);

// The daemon as it is found. `pod` is null when there is none; of a pod that belongs to an earlier
// StatefulSet of the same name, it is one that stops. Without proven_hash. Whether its node answers
// is told by the pod: an operator of one namespace may not look at nodes.
plan::ObservedWorkload Look(const nlohmann::json& stateful_set, const nlohmann::json* pod,
                            const plan::RestartPolicy& policy);

// Where the daemon of a pod says how it stands, when it is one of several masters and runs.
std::optional<plan::Probe> QuorumProbe(const nlohmann::json& pod);

// True when the pod's daemon runs, or may at any moment.
bool MayRun(const nlohmann::json& pod);

}  // namespace headpond::runtime::k8s

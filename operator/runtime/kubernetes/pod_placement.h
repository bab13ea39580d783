#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace headpond::runtime::k8s {

// The part of a pod's spec that says where it runs, merged into `pod_spec`. `placement` is
// plan::Container::placement; `role_selector` are the labels of all pods of the same role.
void Place(const std::string& placement, const nlohmann::json& role_selector,
           nlohmann::json& pod_spec);

}  // namespace headpond::runtime::k8s

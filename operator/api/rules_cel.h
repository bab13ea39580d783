#pragma once

#include <string_view>
#include <vector>

#include "operator/api/rules.h"

// CacheCluster's rules in Kubernetes' expression language, each beside the C++ check of the same
// name in rules.cc.
namespace headpond::api {

std::vector<CelRule> WatermarksAreOrderedCel();
std::vector<CelRule> LevelsGetSlowerCel();
std::vector<CelRule> DirectoriesAreUsedOnceCel();
std::vector<CelRule> PortsDoNotCollideCel();
std::vector<CelRule> OwnedPropertiesAreLeftAloneCel();
std::vector<CelRule> ContainersNeedDockerCel();
std::vector<CelRule> BridgePublishesOnAnAddressCel();
std::vector<CelRule> MemoryLevelsAreInTheContainerCel();
std::vector<CelRule> SharedMemoryFitsCel();
std::vector<CelRule> LabelsOfTheOperatorAreLeftAloneCel();

// The fields that only containers have.
inline constexpr std::string_view kContainerFields[] = {
    "runtime.docker",   "image",          "imagePullPolicy", "imageTars",
    "network.mode",     "network.name",   "network.publish", "master.resources",
    "worker.resources", "worker.shmSize", "container"};

}  // namespace headpond::api

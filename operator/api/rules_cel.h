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
std::vector<CelRule> FieldsFitTheRuntimeCel();
std::vector<CelRule> BridgePublishesOnAnAddressCel();
std::vector<CelRule> MemoryLevelsAreInTheContainerCel();
std::vector<CelRule> SharedMemoryFitsCel();
std::vector<CelRule> LabelsOfTheOperatorAreLeftAloneCel();

// True when the value at `path` is not what it is by default. Lists of objects have no default.
std::string IsGivenCel(std::string_view path);

}  // namespace headpond::api

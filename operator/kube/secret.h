#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "operator/kube/client.h"

namespace headpond::kube {

// The data of a Secret, decoded. NotFound when there is none; DataLoss when a value isn't base64.
Result<std::map<std::string, std::string>> ReadSecret(Client& client, const std::string& name_space,
                                                      const std::string& name);

}  // namespace headpond::kube

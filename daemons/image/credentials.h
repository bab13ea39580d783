#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace headpond::image {

// Never logged, never on a command line.
struct Credentials {
  std::string user, password;
};

// What `docker login` has kept for `registry`: $DOCKER_CONFIG/config.json, else
// ~/.docker/config.json; nullopt when there is nothing. Errors: FailedPrecondition when they are
// with a credential helper, which we don't run; DataLoss when the file can't be read as JSON;
// errno's.
Result<std::optional<Credentials>> StoredCredentials(
    const std::map<std::string, std::string>& environment, const std::string& registry);

// The values of the Authorization header and of the Engine's X-Registry-Auth.
std::string BasicAuthorization(const Credentials& credentials);
std::string EngineAuthorization(const std::optional<Credentials>& credentials,
                                const std::string& registry);

}  // namespace headpond::image

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
  std::string identity_token;  // in their place; of use to the Engine only
};

// What `docker login` has kept for `registry`, in $DOCKER_CONFIG/config.json or
// ~/.docker/config.json, or with the credential helper that is named there (`credHelpers`, then
// `credsStore`), which is run; nullopt when there is nothing. Errors: those of AskCredentialHelper,
// with the remedy; DataLoss when the file can't be read as JSON; errno's.
Result<std::optional<Credentials>> StoredCredentials(
    const std::map<std::string, std::string>& environment, const std::string& registry);

// The values of the Authorization header and of the Engine's X-Registry-Auth.
std::string BasicAuthorization(const Credentials& credentials);
std::string EngineAuthorization(const std::optional<Credentials>& credentials,
                                const std::string& registry);

}  // namespace headpond::image

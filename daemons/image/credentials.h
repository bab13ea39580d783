#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/reference.h"

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

// The logins that a docker config (`{"auths": {"registry.example/team": {"auth": ...}}}`, as
// Secrets of type kubernetes.io/dockerconfigjson have it) holds for an image: those that name most
// of its path first. The parts of a registry's name may hold `*` and `?`. Errors: those of
// CheckDockerConfig.
Result<std::vector<Credentials>> LoginsFor(const std::string& config, const Reference& what);

// InvalidArgument with what is wrong as the end of a sentence, which names registries but no login.
Status CheckDockerConfig(const std::string& config);

// The values of the Authorization header and of the Engine's X-Registry-Auth.
std::string BasicAuthorization(const Credentials& credentials);
std::string EngineAuthorization(const std::optional<Credentials>& credentials,
                                const std::string& registry);

}  // namespace headpond::image

#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "http/client.h"
#include "io/env.h"

namespace headpond::kube {

// Where an API server is and what to say to be let in.
struct RestConfig {
  http::Client::Options connection;
  std::string token;
  std::string token_file;  // read again before it expires: service account tokens are rotated
  std::string name_space = "default";
};

// The current context of a kubeconfig file, or the one named. Relative paths in it are relative to
// its folder. Errors: NotFound (no such file), InvalidArgument naming file and field: no such
// context, cluster or user; a server that is no URL; a way to log in that isn't supported (exec and
// auth-provider plug-ins, user name and password): use a token or a client certificate.
Result<RestConfig> LoadKubeconfig(io::Env& env, const std::string& path,
                                  const std::string& context = "");

// A server at a Unix socket, which knows its callers without a token.
RestConfig AtSocket(const std::string& path);

// What Kubernetes gives a pod: the service's address in `environment` and the service account under
// `folder`. FailedPrecondition when this is no pod, or one without a service account's token.
inline constexpr const char* kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";
Result<RestConfig> InCluster(io::Env& env, const std::map<std::string, std::string>& environment,
                             const std::string& folder = kServiceAccountFolder);

}  // namespace headpond::kube

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/client.h"
#include "image/credentials.h"

namespace headpond::image {

// What a registry has, by its HTTP API version 2 (`/v2/_catalog`). Not thread safe.
//
// Errors: Unauthenticated and PermissionDenied (with what to give), NotFound (no such repository,
// or no registry there), Unimplemented (it doesn't list), DataLoss (an answer that can't be read),
// and http::Client's.
class Registry {
 public:
  struct Options {
    std::string host;  // "registry.example:5000"
    std::optional<Credentials> credentials;
    std::string ca_file;
    // Any certificate is accepted, and plain HTTP where TLS is not spoken. On a user's word only.
    bool insecure = false;
  };
  explicit Registry(Options options) : options_(std::move(options)) {}

  // Names in the registry's order, at most `limit`.
  Result<std::vector<std::string>> Repositories(size_t limit);
  Result<std::vector<std::string>> Tags(const std::string& repository);

 private:
  Result<http::ClientResponse> Get(const std::string& path);
  Result<http::ClientResponse> Send(const std::string& path);
  Status Connect();
  // Answers the challenge of a 401: fills authorization_.
  Status Authorize(const std::string& challenge);
  // All pages of a list; `field` names it.
  Result<std::vector<std::string>> Pages(std::string path, const std::string& field, size_t limit);

  const Options options_;
  std::unique_ptr<http::Client> client_;
  std::string authorization_;
};

// The parameters of `WWW-Authenticate: Bearer realm="...",service="..."`; the scheme, in lower
// case, under "".
std::map<std::string, std::string> ParseChallenge(std::string_view header);

// The path in `Link: </v2/_catalog?last=x&n=100>; rel="next"`, "" if there is none.
std::string NextPage(std::string_view link);

}  // namespace headpond::image

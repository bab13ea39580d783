#include "net/auth.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <cctype>

#include "net/sasl_plain.h"

namespace headpond::net {
namespace {

constexpr char kTypeProperty[] = "alluxio.security.authentication.type";

}  // namespace

Result<AuthType> ParseAuthType(std::string_view text) {
  std::string word(text);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  if (word == "NOSASL") return AuthType::kNoSasl;
  if (word == "SIMPLE") return AuthType::kSimple;
  if (word == "CUSTOM") {
    return InvalidArgument(
        "{}=CUSTOM names a Java class to check passwords with, which can't be loaded here: use "
        "SIMPLE or NOSASL",
        kTypeProperty);
  }
  return InvalidArgument("{}={} is not supported: use SIMPLE or NOSASL", kTypeProperty, text);
}

Authenticator::Authenticator(Options options, UserGroups& groups, const Clock& clock)
    : options_(std::move(options)), groups_(groups), channels_(options_.channels, clock) {}

Result<CallUser> Authenticator::Authenticate(const ::grpc::ServerContextBase& context,
                                             std::string_view method) const {
  if (options_.type == AuthType::kNoSasl) {
    return CallUser{.name = options_.process_user, .connection_user = options_.process_user};
  }
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(kChannelIdKey);
  if (found == metadata.end()) {
    return Unauthenticated("Channel Id is missing for call: {}.", method);
  }
  const std::string_view id(found->second.data(), found->second.size());
  std::optional<CallUser> user = channels_.Find(id);
  if (!user) return Unauthenticated("Channel: {} is not authenticated for call: {}", id, method);
  return *std::move(user);
}

Result<CallUser> Authenticator::CheckPlain(std::string_view message) const {
  ASSIGN_OR_RETURN(PlainCredentials credentials, ParsePlain(message));
  RETURN_IF_ERROR(options_.impersonation.Check(credentials.authentication_user,
                                               credentials.authorization_user, groups_));
  return CallUser{.name = std::move(credentials.authorization_user),
                  .connection_user = std::move(credentials.authentication_user)};
}

}  // namespace headpond::net

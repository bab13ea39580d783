#include "net/auth_config.h"

namespace headpond::net {
namespace {

constexpr char kTls[] = "alluxio.network.tls.enabled";

}  // namespace

Status CheckSecurityIsSupported(const Config& config) {
  if (config.GetBool(kTls))
    return InvalidArgument(
        "{}=true, but this version can't encrypt connections: set it to false, and keep the "
        "cluster's ports within a network you trust",
        kTls);
  return Status::Ok();
}

Result<Authenticator::Options> AuthenticatorOptionsOf(const Config& config) {
  RETURN_IF_ERROR(CheckSecurityIsSupported(config));
  ASSIGN_OR_RETURN(const AuthType type,
                   ParseAuthType(config.GetString("alluxio.security.authentication.type")));
  std::map<std::string, std::string, std::less<>> properties;
  for (const auto& [key, entry] : config.entries()) properties[key] = config.GetString(key);
  return Authenticator::Options{.type = type,
                                .process_user = ProcessUser(),
                                .impersonation = ImpersonationRules::FromProperties(properties),
                                .channels = {.stale_after = config.GetDuration(
                                                 "alluxio.security.stale.channel.purge.interval")}};
}

}  // namespace headpond::net

#include "net/auth_config.h"

namespace headpond::net {

Result<Authenticator::Options> AuthenticatorOptionsOf(const Config& config) {
  ASSIGN_OR_RETURN(const AuthType type,
                   ParseAuthType(config.GetString("alluxio.security.authentication.type")));
  std::map<std::string, std::string, std::less<>> properties;
  for (const auto& [key, entry] : config.entries()) properties[key] = config.GetString(key);
  return Authenticator::Options{
      .type = type,
      .process_user = ProcessUser(),
      .impersonation = ImpersonationRules::FromProperties(properties),
      .channels = {
          .stale_after = config.GetDuration("alluxio.security.stale.channel.purge.interval")}};
}

}  // namespace headpond::net

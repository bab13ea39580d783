#pragma once

#include "base/config.h"
#include "base/result.h"
#include "net/auth.h"

namespace headpond::net {

// What a server's properties say about who may call it: alluxio.security.authentication.type,
// alluxio.security.stale.channel.purge.interval and the impersonation rules. Errors: those of
// ParseAuthType.
Result<Authenticator::Options> AuthenticatorOptionsOf(const Config& config);

}  // namespace headpond::net

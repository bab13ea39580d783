#pragma once

#include "base/config.h"
#include "base/result.h"
#include "net/auth.h"

namespace headpond::net {

// Properties that ask for protection this version does not give are refused: without it, what they
// protect would be open and nobody would know. Errors: InvalidArgument with key, value and remedy
// for alluxio.network.tls.enabled.
Status CheckSecurityIsSupported(const Config& config);

// What a server's properties say about who may call it: alluxio.security.authentication.type,
// alluxio.security.stale.channel.purge.interval and the impersonation rules. Errors: those of
// ParseAuthType and CheckSecurityIsSupported.
Result<Authenticator::Options> AuthenticatorOptionsOf(const Config& config);

}  // namespace headpond::net

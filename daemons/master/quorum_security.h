#pragma once

#include "base/config.h"
#include "base/result.h"
#include "io/env.h"
#include "journal/embedded/quorum_security.h"

namespace headpond::master {

// What headpond.master.embedded.journal.{secret,tls.*}.file name. Errors name the property and the
// remedy: InvalidArgument when only some of the files for TLS are named or the secret is none that
// can be sent, those of io::ReadWholeFile and net::MutualTls::Load.
Result<journal::QuorumSecurity> ReadQuorumSecurity(const Config& config, io::Env& env);

}  // namespace headpond::master

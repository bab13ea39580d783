#pragma once

#include <memory>
#include <string>

#include "net/mutual_tls.h"

namespace headpond::journal {

// By what the masters of a quorum know each other on alluxio.master.embedded.journal.port, beside
// the id of their cluster.
struct QuorumSecurity {
  std::string secret;                         // that only they have; empty: none
  std::shared_ptr<const net::MutualTls> tls;  // null: what they say can be read on its way
};

}  // namespace headpond::journal

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/metrics.h"
#include "base/result.h"
#include "consensus/transport.h"
#include "io/env.h"
#include "journal/embedded/replicated_journal.h"
#include "journal/journal.h"

namespace headpond::master {

// The masters that alluxio.master.embedded.journal.addresses names, this one among them.
struct QuorumConfig {
  // Of the whole list, whatever its order: the same on all masters.
  std::string cluster_id;
  uint64_t own_id = 0;
  std::string own_address;                // "host:port"
  std::map<uint64_t, std::string> peers;  // by id, this master included
};

// Ids come from addresses, so that masters agree on them without talking. Pure. Errors, naming the
// property: InvalidArgument for an address that is none, that is there twice, or when this master's
// (alluxio.master.hostname and alluxio.master.embedded.journal.port) is not in the list.
Result<QuorumConfig> ParseQuorum(const Config& config, const std::string& local_host);

// Whether the journal is the masters' quorum: its type is EMBEDDED and its addresses are given.
bool HasQuorum(const Config& config);

// Both open what the configuration names, and format a blank folder; one that holds a journal is
// never wiped. Errors name the property and the remedy. `env` and `metrics` outlive the journal.

// A folder of this master's own.
struct OwnJournal {
  std::string cluster_id;
  std::unique_ptr<journal::Journal> journal;
};
Result<OwnJournal> OpenOwnJournal(const Config& config, io::Env& env, MetricsRegistry& metrics);

// This master's part of what all of them keep.
struct QuorumJournal {
  std::string cluster_id;
  std::unique_ptr<consensus::Transport> transport;  // outlives the journal
  std::shared_ptr<journal::ReplicatedJournal> journal;
};
Result<QuorumJournal> OpenQuorumJournal(const Config& config, io::Env& env);

}  // namespace headpond::master

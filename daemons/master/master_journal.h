#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/metrics.h"
#include "base/result.h"
#include "io/env.h"
#include "journal/embedded/formation.h"
#include "journal/embedded/grpc_transport.h"
#include "journal/embedded/membership_watch.h"
#include "journal/embedded/replicated_journal.h"
#include "journal/journal.h"

namespace headpond::master {

// The masters that alluxio.master.embedded.journal.addresses names, this one among them: those that
// found the cluster, or whom a new one asks to be let in. Who its members are later the quorum
// itself remembers.
struct QuorumConfig {
  std::string own_address;             // "host:port"
  std::vector<std::string> addresses;  // in rising order, this master's too
};

// Pure. Errors, naming the property: InvalidArgument for an address that is none, that is there
// twice, or when this master's (alluxio.master.hostname and alluxio.master.embedded.journal.port)
// is not in the list.
Result<QuorumConfig> ParseQuorum(const Config& config, const std::string& local_host);

// Whether the journal is the masters' quorum: its type is EMBEDDED and its addresses are given.
bool HasQuorum(const Config& config);

// The journal in a folder of this master's own. A blank folder is formatted, with what
// alluxio.master.journal.init.from.backup names if that is set; one that holds a journal is never
// wiped. Errors name the property and the remedy. `env` and `metrics` outlive it.
struct OwnJournal {
  std::string cluster_id;
  std::unique_ptr<journal::Journal> journal;
};
Result<OwnJournal> OpenOwnJournal(const Config& config, io::Env& env, MetricsRegistry& metrics);

// This master's part of the journal that all of them keep. Its folder is blank until the master
// knows what it is a member of:
//
//   PrepareQuorumFolder ── blank ──> journal::Formation ──> FormatQuorumFolder ──>
//   OpenQuorumJournal
//            └──────────────── formatted ────────────────────────────────────────────────^
struct QuorumFolder {
  QuorumConfig quorum;
  journal::QuorumSecurity security;
  std::string path;
  // Of a blank folder, what the master goes by meanwhile; nothing for one that is formatted.
  std::optional<journal::FormationOptions> blank;
  // Of a blank folder beside the journal that this master has kept alone, and is to share
  // (headpond.master.journal.share): the id of that cluster.
  std::string shared_cluster_id;
};
// Errors name the property and the remedy: FailedPrecondition for a folder that is of another
// master, or that a single master's journal is in which it is not to share.
Result<QuorumFolder> PrepareQuorumFolder(const Config& config, io::Env& env);
// The only founder of a quorum that begins with this master's own journal. Asks the other masters:
// FailedPrecondition when one of them has a cluster already.
Result<journal::Formation::Outcome> FoundWithOwnJournal(const QuorumFolder& folder);
// Begins with this master's own journal if it shares that, which is no journal any more after it;
// else with what alluxio.master.journal.init.from.backup names, if this master founds a cluster
// with it.
Status FormatQuorumFolder(const Config& config, const QuorumFolder& folder, io::Env& env,
                          const journal::Formation::Outcome& outcome);
// With headpond.master.journal.rejoin: moves a formatted folder aside whose node was removed from
// the quorum, as the leader says, and keeps no older one; `folder` is blank then. Blocks for half
// a second when a master does not answer.
Status RejoinIfRemoved(const Config& config, io::Env& env, QuorumFolder& folder);

struct QuorumJournal {
  std::string cluster_id;
  std::unique_ptr<journal::GrpcTransport> transport;  // outlives the journal
  std::shared_ptr<journal::ReplicatedJournal> journal;
};
// `env` outlives the journal.
Result<QuorumJournal> OpenQuorumJournal(const Config& config, const QuorumFolder& folder,
                                        io::Env& env);

// Sees to it that this master is a member; `removed` as that of journal::MembershipWatch. `journal`
// outlives it.
std::unique_ptr<journal::MembershipWatch> WatchMembership(const QuorumFolder& folder,
                                                          const QuorumJournal& journal,
                                                          std::function<void(Status)> removed);

}  // namespace headpond::master

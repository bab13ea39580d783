#include "master/master_journal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/daemon.h"
#include "base/host_port.h"
#include "base/log.h"
#include "base/random.h"
#include "consensus/raft_log_folder.h"
#include "io/remove_folder.h"
#include "journal/embedded/embedded_journal.h"
#include "journal/local_journal.h"
#include "journal/shared/epochs.h"
#include "master/quorum_security.h"
#include "master/store_setup.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";
constexpr const char* kAddresses = "alluxio.master.embedded.journal.addresses";
constexpr const char* kPort = "alluxio.master.embedded.journal.port";
constexpr const char* kFolder = "alluxio.master.journal.folder";
constexpr const char* kBackup = "alluxio.master.journal.init.from.backup";
constexpr const char* kShare = "headpond.master.journal.share";
constexpr const char* kRejoin = "headpond.master.journal.rejoin";
constexpr const char* kRaftSubfolder = "/raft";
constexpr std::string_view kRemovedPrefix = "raft.removed-";
// A master may have to start while others are silent.
constexpr std::chrono::milliseconds kAskTimeout{500};

// Masters compare the texts, so each address has one spelling.
Status CheckAddress(const std::string& address) {
  const auto parsed = ParseHostPort(address);
  if (parsed.ok() && !parsed->host.empty() && parsed->ToString() == address) return Status::Ok();
  return InvalidArgument("{}: {} is not host:port", kAddresses, address);
}

// The cluster id of a journal that this master has kept alone; empty: there is none. An empty
// quorum beside it would be an empty namespace in the place of a full one.
Result<std::string> FindOwnJournal(const Config& config, io::Env& env) {
  const std::string folder = config.GetString(kFolder);
  ASSIGN_OR_RETURN(const auto shared, journal::ReadSharedStamp(env, folder));
  if (shared)
    return FailedPrecondition(
        "{}={} holds the journal of masters that share it, and {} asks for a quorum, which would "
        "begin without what it knows: give the quorum another folder",
        kFolder, folder, kAddresses);
  const auto local = journal::ReadJournalClusterId(env, folder);
  if (!local.ok()) return std::string();
  if (config.GetBool(kShare)) return *local;
  return FailedPrecondition(
      "{}={} holds the journal of a single master, and {} asks for a quorum, which would begin "
      "without what it knows: set {} to begin it with that, unset {}, or give the quorum another "
      "folder",
      kFolder, folder, kAddresses, kShare, kAddresses);
}

// The namespace of a single master goes on in a quorum from where it ended.
Result<std::unique_ptr<RestoredState>> ReadOwnJournal(const Config& config, io::Env& env) {
  const std::string folder = config.GetString(kFolder);
  ASSIGN_OR_RETURN(const auto own, journal::OpenLocalJournal(env, {.folder = folder}));
  auto state = RestoredState::Replay(*own, NamespaceOptionsOf(config));
  own->Stop();
  if (!state.ok())
    return state.status().WithContext(fmt::format("{}={} can't be shared", kFolder, folder));
  LogInfo(kComponent, "the quorum begins with the {} inodes that this master has in {}",
          (*state)->inodes(), folder);
  return state;
}

// Of those that were moved aside, the last one is enough.
Status MoveAside(io::Env& env, const std::string& parent, const std::string& path, uint64_t node) {
  ASSIGN_OR_RETURN(const auto names, env.List(parent));
  for (const std::string& name : names)
    if (name.starts_with(kRemovedPrefix))
      RETURN_IF_ERROR(io::RemoveFolder(env, fmt::format("{}/{}", parent, name)));
  RETURN_IF_ERROR(env.Rename(path, fmt::format("{}/{}{}", parent, kRemovedPrefix, node)));
  return env.SyncDirectory(parent);
}

}  // namespace

Result<QuorumConfig> ParseQuorum(const Config& config, const std::string& local_host) {
  QuorumConfig quorum;
  quorum.addresses = config.GetList(kAddresses);
  for (const std::string& address : quorum.addresses) RETURN_IF_ERROR(CheckAddress(address));
  std::ranges::sort(quorum.addresses);
  if (const auto twice = std::ranges::adjacent_find(quorum.addresses);
      twice != quorum.addresses.end())
    return InvalidArgument("{}: {} is there twice", kAddresses, *twice);
  quorum.own_address = fmt::format(
      "{}:{}", config.Find("alluxio.master.hostname").value_or(local_host), config.GetInt(kPort));
  if (!std::ranges::binary_search(quorum.addresses, quorum.own_address))
    return InvalidArgument(
        "{}: this master, {}, is not among {}; set alluxio.master.hostname and {} to one of them, "
        "or add it to the list on all masters",
        kAddresses, quorum.own_address, fmt::join(quorum.addresses, ", "), kPort);
  return quorum;
}

bool HasQuorum(const Config& config) {
  return config.GetString("alluxio.master.journal.type") == "EMBEDDED" && config.IsSet(kAddresses);
}

Result<OwnJournal> OpenOwnJournal(const Config& config, io::Env& env, MetricsRegistry& metrics) {
  const std::string folder = config.GetString(kFolder);
  ASSIGN_OR_RETURN(const bool alone, consensus::IsBlankRaftFolder(env, folder + kRaftSubfolder));
  if (!alone)
    return FailedPrecondition(
        "{}={} holds a journal that several masters keep, and without {} this one would go on "
        "without them: set it again",
        kFolder, folder, kAddresses);
  ASSIGN_OR_RETURN(const bool blank, journal::IsBlankJournalFolder(env, folder));
  if (blank) {
    LogInfo(kComponent, "formatting the blank journal folder {}", folder);
    Random random = Random::FromSystem();
    ASSIGN_OR_RETURN(const auto state, ReadConfiguredBackup(config));
    RETURN_IF_ERROR(
        journal::FormatLocalJournal(env, folder, random.Uuid(), /*force=*/false, state.get()));
  }
  OwnJournal out;
  ASSIGN_OR_RETURN(out.cluster_id, journal::ReadJournalClusterId(env, folder));
  ASSIGN_OR_RETURN(out.journal,
                   journal::OpenLocalJournal(env, {.folder = folder, .metrics = &metrics}));
  return out;
}

Result<QuorumFolder> PrepareQuorumFolder(const Config& config, io::Env& env) {
  QuorumFolder folder{.path = config.GetString(kFolder) + kRaftSubfolder};
  ASSIGN_OR_RETURN(folder.quorum, ParseQuorum(config, LocalHostName()));
  ASSIGN_OR_RETURN(folder.security, ReadQuorumSecurity(config, env));
  const QuorumConfig& quorum = folder.quorum;
  if (quorum.addresses.size() % 2 == 0)
    LogWarn(kComponent, "{} names {} masters: one less would bear as many failures", kAddresses,
            quorum.addresses.size());
  ASSIGN_OR_RETURN(const bool blank, consensus::IsBlankRaftFolder(env, folder.path));
  if (blank) {
    ASSIGN_OR_RETURN(folder.shared_cluster_id, FindOwnJournal(config, env));
    Random random = Random::FromSystem();
    ASSIGN_OR_RETURN(const uint64_t id,
                     consensus::ReserveNodeId(env, folder.path, quorum.own_address, random));
    folder.blank = journal::FormationOptions{
        .bind_host = config.GetString("alluxio.master.bind.host"),
        .port = static_cast<int>(config.GetInt(kPort)),
        .node_id = id,
        .address = quorum.own_address,
        .masters = quorum.addresses,
        .restores = config.IsSet(kBackup),
        .security = folder.security,
    };
    return folder;
  }
  ASSIGN_OR_RETURN(const auto stamp, consensus::ReadNodeStamp(env, folder.path));
  // A crash may have come between the two.
  if (config.GetBool(kShare))
    RETURN_IF_ERROR(journal::RetireLocalJournal(env, config.GetString(kFolder)));
  if (stamp.address == quorum.own_address) return folder;
  return FailedPrecondition(
      "{}={} is the folder of the master at {}, this is {}: point it at this master's own folder, "
      "or set alluxio.master.hostname and {} to what they were; nothing was changed",
      kFolder, config.GetString(kFolder), stamp.address, quorum.own_address, kPort);
}

Result<journal::Formation::Outcome> FoundWithOwnJournal(const QuorumFolder& folder) {
  if (const auto other = journal::FindCluster(*folder.blank))
    return FailedPrecondition(
        "{} belongs to cluster {} already, and this master has a journal of its own (cluster {}): "
        "move one of the two away",
        other->address, other->cluster_id, folder.shared_cluster_id);
  return journal::Formation::Outcome{
      .cluster_id = folder.shared_cluster_id,
      .founders = {{folder.blank->node_id, folder.quorum.own_address}}};
}

Status RejoinIfRemoved(const Config& config, io::Env& env, QuorumFolder& folder) {
  if (folder.blank || !config.GetBool(kRejoin)) return Status::Ok();
  ASSIGN_OR_RETURN(const auto stamp, consensus::ReadNodeStamp(env, folder.path));
  if (!journal::WasRemoved(stamp, folder.quorum.addresses, folder.security, kAskTimeout))
    return Status::Ok();
  LogInfo(kComponent, "node {} was removed from the quorum of cluster {}: joining as a new one",
          stamp.node_id, stamp.cluster_id);
  RETURN_IF_ERROR(MoveAside(env, config.GetString(kFolder), folder.path, stamp.node_id));
  ASSIGN_OR_RETURN(folder, PrepareQuorumFolder(config, env));
  return Status::Ok();
}

Status FormatQuorumFolder(const Config& config, const QuorumFolder& folder, io::Env& env,
                          const journal::Formation::Outcome& outcome) {
  // Who founds alone may do so with a state of its own; everyone else gets the cluster's.
  std::unique_ptr<RestoredState> state;
  const bool shares = !folder.shared_cluster_id.empty();
  if (shares) {
    ASSIGN_OR_RETURN(state, ReadOwnJournal(config, env));
  } else if (outcome.founders.size() == 1) {
    ASSIGN_OR_RETURN(state, ReadConfiguredBackup(config));
  }
  RETURN_IF_ERROR(journal::FormatEmbeddedJournal(env, folder.path,
                                                 {.cluster_id = outcome.cluster_id,
                                                  .node_id = folder.blank->node_id,
                                                  .address = folder.quorum.own_address},
                                                 outcome.founders, Random::FromSystem(),
                                                 state.get()));
  // Only now: the quorum's part is durable.
  return shares ? journal::RetireLocalJournal(env, config.GetString(kFolder)) : Status::Ok();
}

Result<QuorumJournal> OpenQuorumJournal(const Config& config, const QuorumFolder& folder,
                                        io::Env& env) {
  ASSIGN_OR_RETURN(const auto identity, consensus::ReadNodeStamp(env, folder.path));
  ASSIGN_OR_RETURN(const auto founders, consensus::ReadFounders(env, folder.path));
  auto transport =
      journal::MakeGrpcTransport({.bind_host = config.GetString("alluxio.master.bind.host"),
                                  .port = static_cast<int>(config.GetInt(kPort)),
                                  .cluster_id = identity.cluster_id,
                                  .security = folder.security});
  QuorumJournal out{.cluster_id = identity.cluster_id};
  out.journal = journal::OpenEmbeddedJournal(
      env, *transport, {.node = {.log = {.folder = folder.path, .identity = identity}}});
  transport->Present({.address = folder.quorum.own_address,
                      .masters = folder.quorum.addresses,
                      .founders = founders,
                      .node = [journal = out.journal.get()] { return journal->node(); }});
  out.transport = std::move(transport);
  return out;
}

std::unique_ptr<journal::MembershipWatch> WatchMembership(const QuorumFolder& folder,
                                                          const QuorumJournal& journal,
                                                          std::function<void(Status)> removed) {
  return std::make_unique<journal::MembershipWatch>(
      journal::MembershipWatchOptions{.cluster_id = journal.cluster_id,
                                      .security = folder.security,
                                      .address = folder.quorum.own_address,
                                      .masters = folder.quorum.addresses},
      [journal = journal.journal.get()] { return journal->node(); }, *journal.transport,
      std::move(removed));
}

}  // namespace headpond::master

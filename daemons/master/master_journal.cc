#include "master/master_journal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/daemon.h"
#include "base/host_port.h"
#include "base/log.h"
#include "base/random.h"
#include "base/stable_hash.h"
#include "consensus/raft_log_folder.h"
#include "journal/embedded/embedded_journal.h"
#include "journal/embedded/grpc_transport.h"
#include "journal/local_journal.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";
constexpr const char* kAddresses = "alluxio.master.embedded.journal.addresses";
constexpr const char* kPort = "alluxio.master.embedded.journal.port";
constexpr const char* kFolder = "alluxio.master.journal.folder";
constexpr const char* kRaftSubfolder = "/raft";

// Ids are made of the text, so each address has one spelling.
Status CheckAddress(const std::string& address) {
  const auto parsed = ParseHostPort(address);
  if (parsed.ok() && !parsed->host.empty() && parsed->ToString() == address) return Status::Ok();
  return InvalidArgument("{}: {} is not host:port", kAddresses, address);
}

// An empty quorum beside a journal would be an empty namespace in the place of a full one.
Status CheckNoLocalJournal(const Config& config, io::Env& env) {
  const std::string folder = config.GetString(kFolder);
  const auto local = journal::ReadJournalClusterId(env, folder);
  if (!local.ok()) return Status::Ok();
  return FailedPrecondition(
      "{}={} holds the journal of a single master, and {} asks for a quorum, which would begin "
      "without what it knows: unset {}, or give the quorum another folder",
      kFolder, folder, kAddresses, kAddresses);
}

}  // namespace

Result<QuorumConfig> ParseQuorum(const Config& config, const std::string& local_host) {
  std::vector<std::string> addresses = config.GetList(kAddresses);
  std::ranges::sort(addresses);
  QuorumConfig quorum;
  uint64_t low = StableHash("low"), high = StableHash("high");
  for (const std::string& address : addresses) {
    RETURN_IF_ERROR(CheckAddress(address));
    if (!quorum.peers.emplace(StableHash(address), address).second)
      return InvalidArgument("{}: {} is there twice", kAddresses, address);
    low = StableHash(address + ",", low);
    high = StableHash(address + ",", high);
  }
  quorum.cluster_id = fmt::format("{:016x}{:016x}", high, low);
  quorum.own_address = fmt::format(
      "{}:{}", config.Find("alluxio.master.hostname").value_or(local_host), config.GetInt(kPort));
  quorum.own_id = StableHash(quorum.own_address);
  if (!quorum.peers.contains(quorum.own_id))
    return InvalidArgument(
        "{}: this master, {}, is not among {}; set alluxio.master.hostname and {} to one of them, "
        "or add it to the list on all masters",
        kAddresses, quorum.own_address, fmt::join(addresses, ", "), kPort);
  return quorum;
}

bool HasQuorum(const Config& config) {
  return config.GetString("alluxio.master.journal.type") == "EMBEDDED" && config.IsSet(kAddresses);
}

Result<OwnJournal> OpenOwnJournal(const Config& config, io::Env& env, MetricsRegistry& metrics) {
  const std::string folder = config.GetString(kFolder);
  ASSIGN_OR_RETURN(const bool blank, journal::IsBlankJournalFolder(env, folder));
  if (blank) {
    LogInfo(kComponent, "formatting the blank journal folder {}", folder);
    Random random = Random::FromSystem();
    RETURN_IF_ERROR(journal::FormatLocalJournal(env, folder, random.Uuid(), /*force=*/false));
  }
  OwnJournal out;
  ASSIGN_OR_RETURN(out.cluster_id, journal::ReadJournalClusterId(env, folder));
  ASSIGN_OR_RETURN(out.journal,
                   journal::OpenLocalJournal(env, {.folder = folder, .metrics = &metrics}));
  return out;
}

Result<QuorumJournal> OpenQuorumJournal(const Config& config, io::Env& env) {
  ASSIGN_OR_RETURN(const QuorumConfig quorum, ParseQuorum(config, LocalHostName()));
  if (quorum.peers.size() % 2 == 0)
    LogWarn(kComponent, "{} names {} masters: one less would bear as many failures", kAddresses,
            quorum.peers.size());
  const std::string folder = config.GetString(kFolder) + kRaftSubfolder;
  const consensus::NodeIdentity identity{
      .cluster_id = quorum.cluster_id, .node_id = quorum.own_id, .address = quorum.own_address};
  ASSIGN_OR_RETURN(const bool blank, consensus::IsBlankRaftFolder(env, folder));
  if (blank) {
    RETURN_IF_ERROR(CheckNoLocalJournal(config, env));
    LogInfo(kComponent, "formatting the blank journal folder {}", folder);
    std::vector<uint64_t> members;
    for (const auto& [id, address] : quorum.peers) members.push_back(id);
    RETURN_IF_ERROR(
        journal::FormatEmbeddedJournal(env, folder, identity, members, Random::FromSystem()));
  }
  QuorumJournal out;
  out.cluster_id = quorum.cluster_id;
  out.transport =
      journal::MakeGrpcTransport({.bind_host = config.GetString("alluxio.master.bind.host"),
                                  .port = static_cast<int>(config.GetInt(kPort)),
                                  .cluster_id = quorum.cluster_id});
  out.journal = journal::OpenEmbeddedJournal(
      env, *out.transport,
      {.node = {.log = {.folder = folder, .identity = identity}, .peers = quorum.peers}});
  return out;
}

}  // namespace headpond::master

// fs leader, masterInfo, getCapacityBytes, getUsedBytes
#include "cli/fs_commands.h"

namespace headpond::cli {
namespace {

std::string SocketText(const HostPort& master) {
  return fmt::format("{}/<unresolved>:{}", master.host, master.port);
}

// With one master no call is needed to know it, and none is made (compat/messages.md, "Client:
// master not reachable").
Result<HostPort> FindLeader(Call& call, const std::vector<HostPort>& masters) {
  const bool elected = call.session.config().GetBool("alluxio.zookeeper.enabled");
  if (masters.size() == 1 && !elected) return masters.front();
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  return fs->Leader();
}

Result<int> Leader(Call& call) {
  call.out().Line("This command will be deprecated as of v3.0, please use masterInfo command");
  ASSIGN_OR_RETURN(const auto masters,
                   client::FileSystem::ConfiguredMasters(call.session.config()));
  const Result<HostPort> leader = FindLeader(call, masters);
  if (leader.ok()) call.out().Line("{}", leader->host);
  if (!leader.ok() || !call.fs().ok())
    call.session.err().Line("The leader is not currently serving requests.");
  return kExitOk;
}

Result<int> MasterInfo(Call& call) {
  ASSIGN_OR_RETURN(const auto masters,
                   client::FileSystem::ConfiguredMasters(call.session.config()));
  const Result<HostPort> leader = FindLeader(call, masters);
  if (call.output != OutputFormat::kText) {
    Document all = Document::EmptyList();
    for (const auto& master : masters) all.Add(master.ToString());
    Document document = Document::EmptyMap();
    document.Set("leader", leader.ok() ? Document(leader->ToString()) : Document())
        .Set("masters", std::move(all));
    PrintDocument(call.out(), call.output, document);
    return kExitOk;
  }
  if (leader.ok()) {
    call.out().Line("Current leader master: {}", SocketText(*leader));
  } else {
    call.out().Line("Failed to get the leader master.");
  }
  std::string all;
  for (const auto& master : masters) all.append(all.empty() ? "" : ", ").append(SocketText(master));
  call.out().Line("All masters: [{}]", all);
  return kExitOk;
}

Result<int> GetCapacityBytes(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const int64_t bytes, fs->GetCapacityBytes());
  call.out().Line("Capacity Bytes: {}", bytes);
  return kExitOk;
}

Result<int> GetUsedBytes(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const int64_t bytes, fs->GetUsedBytes());
  call.out().Line("Used Bytes: {}", bytes);
  return kExitOk;
}

}  // namespace

std::vector<Command> ClusterCommands() {
  return {
      {.name = "leader",
       .usage = "leader",
       .help = "Prints the host of the primary master.",
       .examples = "  headpond fs leader",
       .run = Leader},
      {.name = "masterInfo",
       .usage = "masterInfo",
       .help = "Prints the primary master and all masters.",
       .examples = "  headpond fs masterInfo -o json",
       .structured = true,
       .run = MasterInfo},
      {.name = "getCapacityBytes",
       .usage = "getCapacityBytes",
       .help = "Prints how much the workers can cache.",
       .examples = "  headpond fs getCapacityBytes",
       .run = GetCapacityBytes},
      {.name = "getUsedBytes",
       .usage = "getUsedBytes",
       .help = "Prints how much the workers have cached.",
       .examples = "  headpond fs getUsedBytes",
       .run = GetUsedBytes},
  };
}

}  // namespace headpond::cli

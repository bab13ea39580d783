// fsadmin journal
#include <chrono>

#include "base/host_port.h"
#include "cli/format.h"
#include "cli/fsadmin_commands.h"
#include "net/retry.h"

namespace headpond::cli {
namespace {

using client::QuorumMember;

constexpr std::chrono::seconds kElectionLimit{30};
constexpr std::chrono::milliseconds kElectionPoll{100};

Result<HostPort> AddressOption(const Call& call) {
  const std::string text = call.args.ValueOr("address", "");
  const auto address = ParseHostPort(text);
  if (address.ok() && !address->host.empty()) return address;
  return InvalidArgument("Invalid value provided for option: address. {} is not HOST:PORT", text);
}

// There is no job master whose quorum could be asked.
Status CheckDomain(const Call& call) {
  const std::string domain = call.args.ValueOr("domain", "");
  if (domain == "MASTER") return Status::Ok();
  if (domain == "JOB_MASTER")
    return Unimplemented("-domain JOB_MASTER: the job service has no journal of its own");
  return InvalidArgument(
      "Invalid value provided for option: domain. Supported values: [MASTER, JOB_MASTER]");
}

Status CheckOptionCount(const Call& call, int expected) {
  const int found = (call.args.Has("domain") ? 1 : 0) + (call.args.Has("address") ? 1 : 0);
  if (found == expected) return Status::Ok();
  return InvalidArgument("Invalid option count. Expected: {}, Found: {}", expected, found);
}

std::string LeaderOf(const std::vector<QuorumMember>& members) {
  for (const QuorumMember& member : members)
    if (member.leads) return member.address.ToString();
  return "";
}

Result<int> Checkpoint(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const std::string host, fs->Checkpoint());
  call.out().Line("Successfully took a checkpoint on master {}", host);
  return kExitOk;
}

Result<int> Info(Call& call) {
  if (const Status counted = CheckOptionCount(call, 1); !counted.ok())
    return call.UsageError(counted.message());
  RETURN_IF_ERROR(CheckDomain(call));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const std::vector<QuorumMember> members, fs->GetQuorum());
  if (call.output != OutputFormat::kText) {
    ListPrinter list(call.out(), call.output);
    for (const QuorumMember& member : members)
      list.Add(Document::EmptyMap()
                   .Set("address", member.address.ToString())
                   .Set("available", member.available)
                   .Set("leader", member.leads)
                   .Set("priority", member.priority));
    list.Finish();
    return kExitOk;
  }
  Sink& out = call.out();
  out.Line("Journal domain\t: MASTER");
  out.Line("Quorum size\t: {}", members.size());
  out.Line("Quorum leader\t: {}", LeaderOf(members));
  out.Line("");
  const auto row = [&](std::string_view state, std::string_view priority, std::string_view server) {
    out.Line("{} | {} | {}", PadRight(state, 11), PadRight(priority, 8), server);
  };
  row("STATE", "PRIORITY", "SERVER ADDRESS");
  for (const QuorumMember& member : members)
    row(member.available ? "AVAILABLE" : "UNAVAILABLE", std::to_string(member.priority),
        member.address.ToString());
  return kExitOk;
}

Result<int> Remove(Call& call) {
  if (const Status counted = CheckOptionCount(call, 2); !counted.ok())
    return call.UsageError(counted.message());
  RETURN_IF_ERROR(CheckDomain(call));
  ASSIGN_OR_RETURN(const HostPort address, AddressOption(call));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(fs->RemoveQuorumMember(address));
  call.out().Line("Removed server at: {} from quorum: MASTER", address.ToString());
  return kExitOk;
}

// OK when `to` leads.
Status Transfer(client::FileSystem& fs, const HostPort& to, const Clock& clock) {
  ASSIGN_OR_RETURN(const std::string transfer, fs.TransferLeadership(to));
  net::Pause pause;
  const auto deadline = clock.Now() + kElectionLimit;
  while (clock.Now() < deadline) {
    // The old leader knows why it failed; the new one knows that it leads.
    const auto why = fs.GetTransferOutcome(transfer);
    if (why.ok() && !why->empty()) return Unavailable("{}", *why);
    const auto members = fs.GetQuorum();
    if (members.ok() && LeaderOf(*members) == to.ToString()) return Status::Ok();
    RETURN_IF_ERROR(pause.For(kElectionPoll));
  }
  return DeadlineExceeded("{} did not lead after {} s", to.ToString(), kElectionLimit.count());
}

Result<int> Elect(Call& call) {
  if (const Status counted = CheckOptionCount(call, 1); !counted.ok())
    return call.UsageError(counted.message());
  ASSIGN_OR_RETURN(const HostPort address, AddressOption(call));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  Sink& out = call.out();
  out.Line("Initiating transfer of leadership to {}", address.ToString());
  const Status elected = Transfer(*fs, address, call.session.clock());
  if (elected.ok())
    out.Line("Successfully elected {} as the new leader", address.ToString());
  else
    out.Line("Failed to elect {} as the new leader: {}", address.ToString(), elected.message());
  out.Line("Resetting priorities of masters after {} transfer of leadership",
           elected.ok() ? "successful" : "failed");
  const Status reset = fs->ResetQuorumPriorities();
  if (reset.ok())
    out.Line("Quorum priorities were reset to 1");
  else
    out.Line("Quorum priorities failed to be reset: {}", reset.message());
  return elected.ok() && reset.ok() ? kExitOk : kExitError;
}

}  // namespace

std::vector<Command> JournalCommands() {
  const OptionSpec domain{.letter = "domain", .value = "name", .help = "MASTER"};
  const OptionSpec address{
      .letter = "address", .value = "host:port", .help = "a master's journal port"};
  return {
      {.name = "journal",
       .usage = "journal [checkpoint|quorum]",
       .help = "Takes a snapshot of the namespace; shows and changes the masters' quorum.",
       .examples = "  headpond fsadmin journal checkpoint\n"
                   "  headpond fsadmin journal quorum info -domain MASTER",
       .subcommands = {
           {.name = "checkpoint",
            .usage = "checkpoint",
            .help = "Has the primary write a snapshot and drop the journal before it.",
            .examples = "  headpond fsadmin journal checkpoint",
            .run = Checkpoint},
           {.name = "quorum",
            .usage = "quorum [info|remove|elect]",
            .help = "The masters that keep the embedded journal.",
            .examples = "  headpond fsadmin journal quorum info -domain MASTER -o json",
            .subcommands = {
                {.name = "info",
                 .usage = "info -domain <MASTER|JOB_MASTER>",
                 .help = "Lists the members, whether they answer and which one leads.",
                 .examples = "  headpond fsadmin journal quorum info -domain MASTER",
                 .options = {domain},
                 .structured = true,
                 .run = Info},
                {.name = "remove",
                 .usage = "remove -domain <MASTER|JOB_MASTER> -address <HostName:Port>",
                 .help = "Takes a member that will not come back out of the quorum.",
                 .examples =
                     "  headpond fsadmin journal quorum remove -domain MASTER -address m-2:19200",
                 .options = {domain, address},
                 .run = Remove},
                {.name = "elect",
                 .usage = "elect -address <HostName:Port>",
                 .help = "Hands leadership over to a member.",
                 .examples = "  headpond fsadmin journal quorum elect -address m-1:19200",
                 .options = {address},
                 .run = Elect}}}}}};
}

}  // namespace headpond::cli

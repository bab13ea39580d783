// fsadmin report
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/units.h"
#include "cli/format.h"
#include "cli/fsadmin_commands.h"
#include "cli/mount_text.h"

namespace headpond::cli {
namespace {

using client::WorkerInfo;
using client::WorkerRange;
using Tiers = std::map<std::string, int64_t>;

constexpr std::string_view kIndent = "    ";

// Fastest first; tiers with other names follow by name.
std::vector<std::pair<std::string, int64_t>> Ordered(const Tiers& tiers) {
  constexpr std::array<std::string_view, 3> kKnown{"MEM", "SSD", "HDD"};
  std::vector<std::pair<std::string, int64_t>> ordered(tiers.begin(), tiers.end());
  std::ranges::stable_sort(ordered, {}, [&](const auto& tier) {
    return std::ranges::find(kKnown, tier.first) - kKnown.begin();
  });
  return ordered;
}

void PrintSize(Sink& out, std::string_view what, int64_t bytes, const Tiers& tiers) {
  out.Line("{}{} Capacity: {}", kIndent, what, FormatSize(bytes));
  for (const auto& [alias, size] : Ordered(tiers))
    out.Line("{0}{0}Tier: {1}  Size: {2}", kIndent, alias, FormatSize(size));
}

Document ToDocument(const Tiers& tiers) {
  Document document = Document::EmptyMap();
  for (const auto& [alias, size] : Ordered(tiers)) document.Set(alias, size);
  return document;
}

// --- summary

Document SummaryDocument(const client::MasterInfo& master, const client::BlockMasterInfo& blocks) {
  Document masters = Document::EmptyList();
  for (const auto& version : master.versions)
    masters.Add(Document::EmptyMap()
                    .Set("address", version.address.ToString())
                    .Set("state", version.state)
                    .Set("version", version.version));
  Document document = Document::EmptyMap();
  document.Set("masterAddress", master.leader_address)
      .Set("webPort", master.web_port)
      .Set("rpcPort", master.rpc_port);
  document.Set("startTimeMs", master.start_time_ms)
      .Set("upTimeMs", master.uptime_ms)
      .Set("version", master.version);
  document.Set("safeMode", master.safe_mode).Set("raftJournal", master.raft_journal);
  document.Set("clusterId", master.cluster_id).Set("masters", std::move(masters));
  document.Set("liveWorkers", blocks.live_workers).Set("lostWorkers", blocks.lost_workers);
  document.Set("capacityBytes", blocks.capacity_bytes)
      .Set("capacityBytesOnTiers", ToDocument(blocks.capacity_on_tiers));
  document.Set("usedBytes", blocks.used_bytes)
      .Set("usedBytesOnTiers", ToDocument(blocks.used_on_tiers));
  return document.Set("freeBytes", blocks.free_bytes);
}

void PrintAddresses(Sink& out, std::string_view title, const std::vector<std::string>& addresses) {
  out.Line("{}{} ", kIndent, title);
  for (const std::string& address : addresses) out.Line("{0}{0}{1}", kIndent, address);
}

Result<int> Summary(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const client::MasterInfo master, fs->GetMasterInfo());
  ASSIGN_OR_RETURN(const client::BlockMasterInfo blocks, fs->GetBlockMasterInfo());
  if (call.output != OutputFormat::kText) {
    PrintDocument(call.out(), call.output, SummaryDocument(master, blocks));
    return kExitOk;
  }
  Sink& out = call.out();
  out.Line("Alluxio cluster summary: ");
  out.Line("{}Master Address: {}", kIndent, master.leader_address);
  out.Line("{}Web Port: {}", kIndent, master.web_port);
  out.Line("{}Rpc Port: {}", kIndent, master.rpc_port);
  out.Line("{}Started: {}", kIndent, call.session.Date(master.start_time_ms));
  out.Line("{}Uptime: {}", kIndent, FormatUptime(master.uptime_ms));
  out.Line("{}Version: {}", kIndent, master.version);
  out.Line("{}Safe Mode: {}", kIndent, master.safe_mode);
  out.Line("{}Zookeeper Enabled: {}", kIndent, !master.zookeeper_addresses.empty());
  if (!master.zookeeper_addresses.empty())
    PrintAddresses(out, "Zookeeper Addresses:", master.zookeeper_addresses);
  out.Line("{}Raft-based Journal: {}", kIndent, master.raft_journal);
  if (master.raft_journal) PrintAddresses(out, "Raft Journal Addresses:", master.raft_addresses);
  const auto row = [&](std::string_view address, std::string_view state, std::string_view version) {
    out.Line("{}{} {} {}", kIndent, PadRight(address, 32), PadRight(state, 8),
             PadRight(version, 32));
  };
  row("Master Address", "State", "Version");
  for (const auto& version : master.versions)
    row(version.address.ToString(), version.state, version.version);
  out.Line("{}Live Workers: {}", kIndent, blocks.live_workers);
  out.Line("{}Lost Workers: {}", kIndent, blocks.lost_workers);
  PrintSize(out, "Total", blocks.capacity_bytes, blocks.capacity_on_tiers);
  PrintSize(out, "Used", blocks.used_bytes, blocks.used_on_tiers);
  out.Line("{}Free Capacity: {}", kIndent, FormatSize(blocks.free_bytes));
  return kExitOk;
}

// --- capacity

struct CapacityTotals {
  int64_t vcpus = 0, capacity = 0, used = 0;
  Tiers capacity_on_tiers, used_on_tiers;

  explicit CapacityTotals(const std::vector<WorkerInfo>& workers) {
    for (const WorkerInfo& worker : workers) {
      vcpus += worker.vcpus;
      capacity += worker.capacity_bytes;
      used += worker.used_bytes;
      for (const auto& [alias, bytes] : worker.capacity_on_tiers) capacity_on_tiers[alias] += bytes;
      for (const auto& [alias, bytes] : worker.used_on_tiers) used_on_tiers[alias] += bytes;
    }
  }
};

int64_t On(const Tiers& tiers, const std::string& alias) {
  const auto found = tiers.find(alias);
  return found == tiers.end() ? 0 : found->second;
}

// The table of workers: two lines each. With one tier its column says all; with more there is one
// for the total.
void PrintWorkers(Sink& out, const std::vector<WorkerInfo>& workers, const CapacityTotals& totals) {
  std::vector<std::string> tiers;
  for (const auto& [alias, bytes] : Ordered(totals.capacity_on_tiers)) tiers.push_back(alias);
  const bool several = tiers.size() > 1;
  size_t name_width = 0;
  for (const WorkerInfo& worker : workers)
    name_width = std::max(name_width, worker.address.host.size());
  name_width = name_width > 16 ? name_width + 5 : 16;

  const auto row = [&](std::string_view name, std::string_view state, std::string_view heartbeat,
                       std::string_view storage, std::string_view total,
                       const std::vector<std::string>& by_tier, std::string_view version,
                       std::string_view revision) {
    std::string line = PadRight(name, name_width) + " " + PadRight(state, 15) + " " +
                       PadRight(heartbeat, 16) + " " + PadRight(storage, 13) + " " +
                       PadRight(total, 16) + " ";
    if (several)
      for (const std::string& text : by_tier) line += PadRight(text, 13) + " ";
    out.Write(line + PadRight(version, 16) + " " + PadRight(revision, 40) + "\n");
  };
  const auto sizes = [&](const Tiers& on_tiers) {
    std::vector<std::string> texts;
    for (const std::string& alias : tiers) texts.push_back(FormatSize(On(on_tiers, alias)));
    return texts;
  };

  const std::string only_tier = tiers.empty() ? "" : tiers.front();
  row("Worker Name", "State", "Last Heartbeat", "Storage", several ? "Total" : only_tier, tiers,
      "Version", "Revision");
  for (const WorkerInfo& worker : workers) {
    row(worker.address.host, worker.state, std::to_string(worker.last_contact_s), "capacity",
        FormatSize(worker.capacity_bytes), sizes(worker.capacity_on_tiers), worker.version,
        worker.revision);
    std::string used = FormatSize(worker.used_bytes);
    if (worker.capacity_bytes > 0)
      used += fmt::format(" ({}%)", Percent(worker.used_bytes, worker.capacity_bytes, 0));
    row("", "", "", "used", used, sizes(worker.used_on_tiers), "", "");
  }
}

Document WorkerDocument(const WorkerInfo& worker) {
  Document document = Document::EmptyMap();
  document.Set("id", worker.id)
      .Set("host", worker.address.host)
      .Set("rpcPort", worker.address.rpc_port);
  document.Set("webPort", worker.address.web_port).Set("state", worker.state);
  document.Set("lastContactSec", worker.last_contact_s).Set("startTimeMs", worker.start_time_ms);
  document.Set("capacityBytes", worker.capacity_bytes).Set("usedBytes", worker.used_bytes);
  document.Set("capacityBytesOnTiers", ToDocument(worker.capacity_on_tiers));
  document.Set("usedBytesOnTiers", ToDocument(worker.used_on_tiers)).Set("vcpus", worker.vcpus);
  return document.Set("version", worker.version).Set("revision", worker.revision);
}

struct RangeChoice {
  std::string_view option;  // "" = none given
  WorkerRange range;
  std::string_view text;
};
constexpr std::array kRanges{
    RangeChoice{"live", WorkerRange::kLive, "live"},
    RangeChoice{"lost", WorkerRange::kLost, "lost"},
    RangeChoice{"workers", WorkerRange::kSpecified, "specified"},
    RangeChoice{"decommissioned", WorkerRange::kDecommissioned, "decommissioned"}};
constexpr RangeChoice kAllWorkers{"", WorkerRange::kAll, "all"};

constexpr std::string_view kCapacityHelp =
    "alluxio fsadmin report capacity [filter arg]\n"
    "Report Alluxio capacity information.\n"
    "Where [filter arg] is an optional argument. If no arguments passed in, capacity information "
    "of all workers will be "
    "printed out.\n"
    "[filter arg] can be one of the following:\n"
    "    -live                   Live workers\n"
    "    -lost                   Lost workers\n"
    "    -workers <worker_names>  Specified workers, host names or ip addresses separated by "
    "\",\"\n";

std::vector<std::string> SplitNames(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    if (comma != 0) names.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return names;
}

Result<int> Capacity(Call& call) {
  RangeChoice choice = kAllWorkers;
  int given = 0;
  for (const RangeChoice& candidate : kRanges) {
    if (!call.args.Has(candidate.option)) continue;
    choice = candidate;
    ++given;
  }
  if (given > 1) {
    call.out().Line("{}\nToo many arguments passed in.", kCapacityHelp);
    return kExitError;
  }
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(std::vector<WorkerInfo> workers,
                   fs->GetWorkerReport(choice.range, SplitNames(call.args.ValueOr("workers", ""))));
  if (call.output != OutputFormat::kText) {
    ListPrinter list(call.out(), call.output);
    for (const WorkerInfo& worker : workers) list.Add(WorkerDocument(worker));
    list.Finish();
    return kExitOk;
  }
  Sink& out = call.out();
  if (workers.empty()) {
    out.Line("No workers found.");
    return kExitOk;
  }
  std::ranges::stable_sort(workers, {},
                           [](const WorkerInfo& worker) { return worker.address.host; });
  const CapacityTotals totals(workers);
  out.Line("Capacity information for {} workers: ", choice.text);
  out.Line("{}Total vCPUs: {}", kIndent, totals.vcpus);
  PrintSize(out, "Total", totals.capacity, totals.capacity_on_tiers);
  PrintSize(out, "Used", totals.used, totals.used_on_tiers);
  if (totals.capacity > 0) {
    const int64_t used = Percent(totals.used, totals.capacity, 0);
    out.Line("{}Used Percentage: {}%", kIndent, used);
    out.Line("{}Free Percentage: {}%", kIndent, 100 - used);
  }
  out.Line("");
  PrintWorkers(out, workers, totals);
  return kExitOk;
}

// --- metrics and ufs

std::string MetricText(const client::Metric& metric) {
  if (metric.is_text) return metric.text;
  const bool whole = std::floor(metric.value) == metric.value && std::fabs(metric.value) < 9e18;
  if (metric.name.find("Bytes") != std::string::npos) {
    const std::string size = FormatSize(static_cast<int64_t>(metric.value));
    return metric.name.find("Throughput") == std::string::npos ? size : size + "/MIN";
  }
  return whole ? FormatThousands(static_cast<int64_t>(metric.value)) : JavaDouble(metric.value);
}

// Metrics of the JVM and of libraries have other names; 2.9 leaves them out.
bool IsClusterMetric(std::string_view name) {
  constexpr std::string_view kInstances[] = {"Client.",    "Cluster.",   "Fuse.",
                                             "JobMaster.", "JobWorker.", "Master.",
                                             "LogServer.", "Proxy.",     "Worker."};
  return std::ranges::any_of(kInstances,
                             [&](std::string_view instance) { return name.starts_with(instance); });
}

Result<int> Metrics(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(std::vector<client::Metric> metrics, fs->GetMetrics());
  std::erase_if(metrics,
                [](const client::Metric& metric) { return !IsClusterMetric(metric.name); });
  std::ranges::sort(metrics, {}, &client::Metric::name);
  if (call.output == OutputFormat::kText) {
    for (const client::Metric& metric : metrics)
      call.out().Line("{}  (Type: {}, Value: {})", metric.name, metric.type, MetricText(metric));
    return kExitOk;
  }
  Document document = Document::EmptyMap();
  for (const client::Metric& metric : metrics)
    document.Set(metric.name, metric.is_text ? Document(metric.text) : Document(metric.value));
  PrintDocument(call.out(), call.output, document);
  return kExitOk;
}

Result<int> Ufs(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  ASSIGN_OR_RETURN(const auto mounts, fs->GetMountTable());
  if (call.output == OutputFormat::kText) {
    call.out().Line("Alluxio under storage system information:");
    call.out().Write(MountTableText(mounts));
    return kExitOk;
  }
  ListPrinter list(call.out(), call.output);
  for (const auto& mount : mounts) list.Add(cli::ToDocument(mount));
  list.Finish();
  return kExitOk;
}

// ---

constexpr std::string_view kReportHelp =
    "report [category] [category args]\n"
    "Report Alluxio running cluster information.\n"
    "Where [category] is an optional argument. If no arguments are passed in, summary information "
    "will be printed out.\n"
    "[category] can be one of the following:\n"
    "    capacity         worker capacity information\n"
    "    metrics          metrics information\n"
    "    summary          cluster summary\n"
    "    ufs              under storage system information\n"
    "    jobservice       job service metrics information\n";

struct Category {
  std::string_view name;
  Result<int> (*print)(Call& call);
};
constexpr std::array kCategories{Category{"summary", Summary}, Category{"capacity", Capacity},
                                 Category{"metrics", Metrics}, Category{"ufs", Ufs}};

Result<int> Report(Call& call) {
  if (call.args.Has("h")) {
    call.out().Line("{}", kReportHelp);
    return kExitOk;
  }
  const std::string name = call.positional().empty() ? "summary" : call.positional().front();
  const auto found = std::ranges::find(kCategories, name, &Category::name);
  if (found == kCategories.end() || call.positional().size() > 1) {
    call.out().Line("{}\nreport category is invalid.", kReportHelp);
    return kExitError;
  }
  if (!call.fs().ok()) return Unavailable("Cannot connect to Alluxio leader master.");
  return found->print(call);
}

}  // namespace

std::vector<Command> ReportCommands() {
  return {
      {.name = "report",
       .usage =
           "report [summary|capacity|metrics|ufs] [-live|-lost|-decommissioned|-workers <hosts>]",
       .help = "Shows the state of the cluster: summary, capacity of the workers, metrics, mounted "
               "under-stores.",
       .examples = "  headpond fsadmin report\n"
                   "  headpond fsadmin report capacity -workers node-1,node-2\n"
                   "  headpond fsadmin report summary -o json | jq .liveWorkers",
       .min_args = 0,
       .max_args = kAnyNumber,
       .options = {{.letter = "h", .help = "the categories"},
                   {.letter = "live", .help = "capacity: live workers"},
                   {.letter = "lost", .help = "capacity: lost workers"},
                   {.letter = "decommissioned", .help = "capacity: decommissioned workers"},
                   {.letter = "workers",
                    .value = "hosts",
                    .help = "capacity: these workers, separated by commas"}},
       .structured = true,
       .run = Report}};
}

}  // namespace headpond::cli

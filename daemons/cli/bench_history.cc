// bench history: concurrent calls on a few paths, and what came of each, for a check of
// linearizability.
#include <chrono>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/host_port.h"
#include "base/path.h"
#include "base/random.h"
#include "cli/bench_support.h"
#include "client/file_writer.h"
#include "net/retry.h"

namespace headpond::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kThreadsPerClient = 4;  // so that calls share connections, and lanes
constexpr int kThreadsPerFolder = 3;  // few: checking takes time exponential in it
constexpr std::array kNames = {"a", "b", "c"};
// After it other folders are used, for a history of one folder that is too long takes long to
// check.
constexpr std::chrono::seconds kFolderTime{10};
constexpr uint64_t kMaxPauseMs = 20;
// Of some pauses of a pinned reader: what it asks next finds a master that others have left.
constexpr uint64_t kMaxLongPauseMs = 1500;
constexpr int64_t kDayMs = 24 * 3600 * 1000;
constexpr char kTag[] = "by";  // the attribute that names the call a path was made by

struct Plan {
  int threads = 1;
  int pinned = 0;
  std::chrono::duration<double> time{};
  uint64_t seed = 0;
  std::string out;
  std::string root;
  steady_clock::time_point begin{};

  int folders() const { return (threads + kThreadsPerFolder - 1) / kThreadsPerFolder; }
  int periods() const { return static_cast<int>(time / kFolderTime) + 1; }
  std::string Folder(int period, int number) const {
    return fmt::format("{}/{}-{}", root, period, number);
  }
  // One of those used now.
  std::string AnyFolder(Random& random) const {
    const auto period = static_cast<int>((steady_clock::now() - begin) / kFolderTime);
    return Folder(std::min(period, periods() - 1),
                  static_cast<int>(random.Below(static_cast<uint64_t>(folders()))));
  }
};

Result<Plan> MakePlan(const Args& args) {
  Plan plan;
  ASSIGN_OR_RETURN(const int64_t threads, PositiveOption(args, "threads", 12));
  plan.threads = static_cast<int>(threads);
  ASSIGN_OR_RETURN(const int64_t pinned, PositiveOption(args, "pinned", 0));
  plan.pinned = static_cast<int>(pinned);
  ASSIGN_OR_RETURN(plan.time, SecondsOption(args, "seconds", 10));
  ASSIGN_OR_RETURN(const int64_t seed, PositiveOption(args, "seed", 1));
  plan.seed = static_cast<uint64_t>(seed);
  plan.out = args.ValueOr("out", "");
  plan.root = args.ValueOr("directory", "/headpond-history-" + Random::FromSystem().Uuid());
  return plan;
}

int64_t NowNs() {
  return std::chrono::nanoseconds(steady_clock::now().time_since_epoch()).count();
}

// What the model knows about a path.
json Describe(const client::FileInfo& info) {
  const auto tag = info.xattr.find(kTag);
  return {{"name", info.name},
          {"tag", tag == info.xattr.end() ? "" : tag->second},
          {"folder", info.folder},
          {"mode", info.mode},
          {"ttl", info.ttl_ms}};
}

// Makes calls, one after the other, and notes them. Used by one thread.
class Caller {
 public:
  Caller(const Plan& plan, int number, client::FileSystem& fs, bool pinned)
      : plan_(plan),
        number_(number),
        fs_(fs),
        pinned_(pinned),
        random_(plan.seed * 1'000'003 + static_cast<uint64_t>(number)) {}

  void Run() {
    const auto end = plan_.begin + plan_.time;
    while (steady_clock::now() < end) {
      if (!Pause().ok()) return;
      const std::string folder = plan_.AnyFolder(random_);
      if (pinned_) {
        Look(folder);
        continue;
      }
      const uint64_t die = random_.Below(100);
      if (die < 20) {
        Create(folder);
      } else if (die < 30) {
        MakeDirectory(folder);
      } else if (die < 45) {
        Delete(folder);
      } else if (die < 60) {
        const size_t from = random_.Below(kNames.size());
        Rename(folder, from, (from + 1 + random_.Below(kNames.size() - 1)) % kNames.size());
      } else if (die < 75) {
        SetAttribute(folder);
      } else if (die < 95) {
        GetStatus(folder);
      } else {
        List(folder);
      }
    }
  }

  const std::vector<std::string>& lines() const { return lines_; }
  int64_t unanswered() const { return unanswered_; }

 private:
  // What came of a call; `call` may add what it saw to the line.
  template <typename Function>
  void Note(json line, const Function& call) {
    line["client"] = number_;
    line["pinned"] = pinned_;
    line["call"] = NowNs();
    const Status status = call(line);
    line["return"] = NowNs();
    switch (status.code()) {
      case Code::kOk: line["outcome"] = "ok"; break;
      case Code::kAlreadyExists: line["outcome"] = "exists"; break;
      case Code::kNotFound: line["outcome"] = "missing"; break;
      default:
        line["outcome"] = "open";
        line["error"] = fmt::format("{}: {}", CodeName(status.code()), status.message());
        ++unanswered_;
    }
    lines_.push_back(line.dump());
  }

  Status Pause() {
    const bool is_long = pinned_ && random_.OneIn(8);
    const uint64_t limit = is_long ? kMaxLongPauseMs : kMaxPauseMs;
    return pause_.For(milliseconds(random_.Below(limit)));
  }

  // Calls that change nothing. A change that does nothing, or is refused, is as much of a look.
  void Look(const std::string& folder) {
    const uint64_t die = random_.Below(100);
    if (die < 60) {
      GetStatus(folder);
    } else if (die < 75) {
      List(folder);
    } else {
      const size_t name = random_.Below(kNames.size());
      Rename(folder, name, name);
    }
  }

  std::string Name() { return kNames[random_.Below(kNames.size())]; }
  int Mode() { return static_cast<int>(random_.Below(01000)); }
  int64_t Ttl() { return kDayMs + static_cast<int64_t>(random_.Below(kDayMs)); }
  std::string Tag() { return fmt::format("{}.{}", number_, ++made_); }

  void Create(const std::string& folder) {
    client::CreateOptions options;
    options.recursive = false;
    options.write_type = client::WriteType::kMustCache;
    options.mode = Mode();
    options.ttl_ms = Ttl();
    const std::string name = Name(), tag = Tag();
    options.xattr = {{kTag, tag}};
    Note({{"op", "create"},
          {"folder", folder},
          {"name", name},
          {"tag", tag},
          {"mode", *options.mode},
          {"ttl", *options.ttl_ms}},
         [&](json&) -> Status {
           ASSIGN_OR_RETURN(const auto writer, fs_.Create(JoinPath(folder, name), options));
           writer->Leave();
           return Status::Ok();
         });
  }

  void MakeDirectory(const std::string& folder) {
    client::CreateDirectoryOptions options;
    options.write_type = client::WriteType::kMustCache;
    options.mode = Mode();
    const std::string name = Name(), tag = Tag();
    options.xattr = {{kTag, tag}};
    Note({{"op", "mkdir"},
          {"folder", folder},
          {"name", name},
          {"tag", tag},
          {"mode", *options.mode}},
         [&](json&) { return fs_.CreateDirectory(JoinPath(folder, name), options); });
  }

  void Delete(const std::string& folder) {
    const std::string name = Name();
    Note({{"op", "delete"}, {"folder", folder}, {"name", name}},
         [&](json&) { return fs_.Delete(JoinPath(folder, name)); });
  }

  void Rename(const std::string& folder, size_t from, size_t to) {
    Note({{"op", "rename"}, {"folder", folder}, {"name", kNames[from]}, {"to", kNames[to]}},
         [&](json&) {
           return fs_.Rename(JoinPath(folder, kNames[from]), JoinPath(folder, kNames[to]));
         });
  }

  void SetAttribute(const std::string& folder) {
    const std::string name = Name();
    client::SetAttributeOptions options;
    json line = {{"op", "setAttribute"}, {"folder", folder}, {"name", name}};
    const uint64_t which = random_.Below(3);  // one of them, or both at once
    if (which != 0) line["mode"] = *(options.mode = Mode());
    if (which != 1) line["ttl"] = *(options.ttl_ms = Ttl());
    Note(std::move(line), [&](json&) { return fs_.SetAttribute(JoinPath(folder, name), options); });
  }

  void GetStatus(const std::string& folder) {
    const std::string name = Name();
    client::GetStatusOptions options;
    options.load_metadata = client::LoadMetadata::kNever;
    Note({{"op", "getStatus"}, {"folder", folder}, {"name", name}}, [&](json& line) -> Status {
      ASSIGN_OR_RETURN(const auto info, fs_.GetStatus(JoinPath(folder, name), options));
      line["seen"] = {Describe(info)};
      return Status::Ok();
    });
  }

  void List(const std::string& folder) {
    client::ListOptions options;
    options.load_metadata = client::LoadMetadata::kNever;
    Note({{"op", "list"}, {"folder", folder}}, [&](json& line) -> Status {
      ASSIGN_OR_RETURN(const auto entries, fs_.List(folder, options));
      line["seen"] = json::array();
      for (const auto& entry : entries) line["seen"].push_back(Describe(entry));
      return Status::Ok();
    });
  }

  const Plan& plan_;
  const int number_;
  client::FileSystem& fs_;
  const bool pinned_;
  Random random_;
  net::Pause pause_;
  int64_t made_ = 0;
  int64_t unanswered_ = 0;
  std::vector<std::string> lines_;
};

// A client that speaks to one master only and gives up soon: what it hears when that one leads no
// more must not be old.
Result<std::unique_ptr<client::FileSystem>> ConnectTo(const HostPort& master, Config config) {
  for (const auto& [key, value] :
       {std::pair<std::string_view, std::string>{"alluxio.master.rpc.addresses", master.ToString()},
        {"alluxio.zookeeper.enabled", "false"},
        {"alluxio.user.conf.cluster.default.enabled", "false"},
        {"alluxio.user.rpc.retry.max.duration", "300ms"},
        {"alluxio.user.rpc.retry.max.sleep", "50ms"}})
    RETURN_IF_ERROR(config.Set(key, value, Source::kRuntime));
  return client::FileSystem::Connect(std::move(config));
}

Status MakeFolders(client::FileSystem& fs, const Plan& plan) {
  client::CreateDirectoryOptions options;
  options.recursive = true;
  options.write_type = client::WriteType::kMustCache;
  for (int period = 0; period < plan.periods(); ++period)
    for (int number = 0; number < plan.folders(); ++number)
      RETURN_IF_ERROR(fs.CreateDirectory(plan.Folder(period, number), options));
  return Status::Ok();
}

Status Write(const Plan& plan, const std::vector<std::unique_ptr<Caller>>& callers) {
  std::ofstream file(plan.out);
  file << json{{"seed", plan.seed}, {"begin", plan.begin.time_since_epoch().count()}}.dump()
       << '\n';
  for (const auto& caller : callers)
    for (const std::string& line : caller->lines()) file << line << '\n';
  file.close();
  return file ? Status::Ok() : Unavailable("{} can't be written", plan.out);
}

Result<int> BenchHistory(Call& call) {
  ASSIGN_OR_RETURN(Plan plan, MakePlan(call.args));
  const Config config = call.session.config();
  ASSIGN_OR_RETURN(client::FileSystem* const first, call.fs());
  RETURN_IF_ERROR(MakeFolders(*first, plan));

  std::vector<std::unique_ptr<client::FileSystem>> clients;
  std::vector<std::unique_ptr<Caller>> callers;
  const auto add = [&](bool pinned) {
    const int number = static_cast<int>(callers.size());
    callers.push_back(std::make_unique<Caller>(plan, number, *clients.back(), pinned));
  };
  for (int thread = 0; thread < plan.threads; ++thread) {
    if (thread % kThreadsPerClient == 0) {
      ASSIGN_OR_RETURN(clients.emplace_back(), client::FileSystem::Connect(config));
    }
    add(/*pinned=*/false);
  }
  ASSIGN_OR_RETURN(const auto masters, first->Masters());
  for (const HostPort& master : masters) {
    if (plan.pinned == 0) break;
    ASSIGN_OR_RETURN(clients.emplace_back(), ConnectTo(master, config));
    for (int thread = 0; thread < plan.pinned; ++thread) add(/*pinned=*/true);
  }

  plan.begin = steady_clock::now();
  {
    std::vector<std::jthread> running;
    for (const auto& caller : callers) running.emplace_back([&caller] { caller->Run(); });
  }
  RETURN_IF_ERROR(Write(plan, callers));
  size_t calls = 0;
  int64_t unanswered = 0;
  for (const auto& caller : callers) {
    calls += caller->lines().size();
    unanswered += caller->unanswered();
  }
  call.out().Line("calls={}", calls);
  call.out().Line("unanswered={}", unanswered);
  client::DeleteOptions options;
  options.recursive = true;
  RETURN_IF_ERROR(first->Delete(plan.root, options));
  return kExitOk;
}

}  // namespace

std::vector<Command> BenchHistoryCommands() {
  return {{.name = "history",
           .usage = "history --out FILE [--seconds N] [--threads N] [--pinned N] [--seed N]",
           .help = "Creates, renames, deletes, changes and looks at a few paths from many threads, "
                   "and writes what\neach call asked, was told and when, one JSON object a line: "
                   "e2e/ha/histories checks it.",
           .examples = "  headpond bench history --seconds 60 --pinned 2 --out history.jsonl",
           .max_args = 0,
           .options = {{.name = "out", .value = "FILE", .help = "where to", .required = true},
                       {.name = "seconds", .value = "N", .help = "10"},
                       {.name = "threads", .value = "N", .help = "12"},
                       {.name = "pinned",
                        .value = "N",
                        .help = "threads that only read, and from one master only, for each; 0"},
                       {.name = "seed", .value = "N", .help = "of what is called; 1"},
                       {.name = "directory", .value = "path", .help = "where; a new folder"}},
           .run = BenchHistory}};
}

}  // namespace headpond::cli

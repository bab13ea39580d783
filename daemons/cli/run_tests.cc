// runTests: writes and reads a small file with every combination of read and write type, as 2.9's
// TestRunner.
#include <algorithm>
#include <array>
#include <optional>

#include "base/path.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/main.h"
#include "client/file_reader.h"
#include "client/file_writer.h"

namespace headpond::cli {
namespace {

using client::ReadType;
using client::WriteType;

constexpr std::string_view kGreen = "\x1b[32m", kRed = "\x1b[31m", kPlain = "\x1b[0m";

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};
// In the order that 2.9 runs them.
constexpr std::array<Choice<ReadType>, 3> kReadTypes{{{"CACHE_PROMOTE", ReadType::kCachePromote},
                                                      {"CACHE", ReadType::kCache},
                                                      {"NO_CACHE", ReadType::kNoCache}}};
constexpr std::array<Choice<WriteType>, 4> kWriteTypes{
    {{"MUST_CACHE", WriteType::kMustCache},
     {"CACHE_THROUGH", WriteType::kCacheThrough},
     {"THROUGH", WriteType::kThrough},
     {"ASYNC_THROUGH", WriteType::kAsyncThrough}}};
// How the file is written and read: at once and sequentially, or byte by byte and by position.
enum class Operation { kBasic, kNonByteBuffer };
constexpr std::array<Choice<Operation>, 2> kOperations{
    {{"BASIC", Operation::kBasic}, {"BASIC_NON_BYTE_BUFFER", Operation::kNonByteBuffer}}};

constexpr int kNumbers = 20;

const std::vector<OptionSpec>& Options() {
  static const std::vector<OptionSpec> kOptions{
      {.name = "directory", .value = "path", .help = "where the files go; /default_tests_files"},
      {.name = "operation", .value = "name", .help = "only BASIC or BASIC_NON_BYTE_BUFFER"},
      {.name = "readType", .value = "name", .help = "only CACHE_PROMOTE, CACHE or NO_CACHE"},
      {.name = "writeType",
       .value = "name",
       .help = "only MUST_CACHE, CACHE_THROUGH, THROUGH or ASYNC_THROUGH"},
      {.name = "workers", .value = "hosts", .help = "each worker for itself: host[:rpcPort],..."},
      {.name = "help", .help = "this text"},
  };
  return kOptions;
}

// The choices that an option leaves. InvalidArgument for a name that is none.
template <typename T, size_t n>
Result<std::vector<Choice<T>>> Chosen(const Args& args, std::string_view option,
                                      const std::array<Choice<T>, n>& choices) {
  const auto name = args.Value(option);
  std::vector<Choice<T>> chosen;
  for (const Choice<T>& choice : choices)
    if (!name || *name == choice.name) chosen.push_back(choice);
  if (chosen.empty()) return InvalidArgument("--{} {}: there is no such thing", option, *name);
  return chosen;
}

std::string Content(Operation operation) {
  std::string content;
  const auto append = [&](int value) {
    for (int shift = 0; shift < 32; shift += 8) content += static_cast<char>(value >> shift);
  };
  if (operation == Operation::kNonByteBuffer) append(kNumbers);
  for (int i = 0; i < kNumbers; ++i) append(i);
  return content;
}

Status WriteFile(client::FileSystem& fs, const std::string& path, Operation operation,
                 const client::CreateOptions& options) {
  ASSIGN_OR_RETURN(const auto writer, fs.Create(path, options));
  const std::string content = Content(operation);
  const size_t step = operation == Operation::kBasic ? content.size() : 1;
  for (size_t i = 0; i < content.size(); i += step)
    RETURN_IF_ERROR(writer->Write(content.substr(i, step)));
  return writer->Close();
}

Status ReadAndCompare(client::FileSystem& fs, const std::string& path, Operation operation,
                      const client::OpenOptions& options) {
  const std::string expected = Content(operation);
  ASSIGN_OR_RETURN(const auto reader, fs.Open(path, options));
  std::string content(expected.size() + 1, '\0');
  size_t done = 0;
  const size_t step = operation == Operation::kBasic ? content.size() : 4;
  while (done < content.size()) {
    const size_t wanted = std::min(step, content.size() - done);
    Result<size_t> some =
        operation == Operation::kBasic
            ? reader->Read(wanted, content.data() + done)
            : reader->ReadAt(static_cast<int64_t>(done), wanted, content.data() + done);
    RETURN_IF_ERROR(some.status());
    if (*some == 0) break;
    done += *some;
  }
  content.resize(done);
  return content == expected ? Status::Ok() : DataLoss("{} does not hold what was written", path);
}

class Runner {
 public:
  Runner(Sink& out, client::FileSystem& fs, std::string directory)
      : out_(out), fs_(fs), directory_(std::move(directory)) {}

  int failures() const { return failures_; }

  void Run(const Choice<ReadType>& read, const Choice<WriteType>& write,
           const Choice<Operation>& operation, const std::optional<WorkerAddress>& worker) {
    std::string label;
    if (worker) label = fmt::format("{}_{}", worker->host, worker->rpc_port);
    out_.Line("{}runTest --operation {} --readType {} --writeType {}",
              label.empty() ? "" : "[" + label + "] ", operation.name, read.name, write.name);
    const std::string path =
        JoinPath(directory_, fmt::format("{}{}_{}_{}", label.empty() ? "" : label + "_",
                                         operation.name, read.name, write.name));
    const client::CreateOptions create{.write_type = write.value, .worker = worker};
    const client::OpenOptions open{.read_type = read.value, .worker = worker};
    Status status = RemoveOld(path);
    if (status.ok()) status = WriteFile(fs_, path, operation.value, create);
    if (status.ok()) status = ReadAndCompare(fs_, path, operation.value, open);
    if (status.ok()) {
      out_.Line("{}Passed the test!{}", kGreen, kPlain);
    } else {
      ++failures_;
      out_.Line("{}Failed the test!{}", kRed, kPlain);
      out_.Line("{}", status.ToString());
    }
    out_.Flush();
  }

 private:
  Status RemoveOld(const std::string& path) {
    ASSIGN_OR_RETURN(const bool exists, fs_.Exists(path));
    return exists ? fs_.Delete(path) : Status::Ok();
  }

  Sink& out_;
  client::FileSystem& fs_;
  const std::string directory_;
  int failures_ = 0;
};

// The live workers that `text` names: host or host:rpcPort, separated by commas.
Result<std::vector<WorkerAddress>> FindWorkers(client::FileSystem& fs, std::string_view text) {
  ASSIGN_OR_RETURN(const auto workers, fs.GetWorkers(/*refresh=*/true));
  std::vector<WorkerAddress> found;
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), name.size() + 1));
    const auto match = std::ranges::find_if(workers, [&](const client::WorkerInfo& worker) {
      return name == worker.address.host ||
             name == fmt::format("{}:{}", worker.address.host, worker.address.rpc_port);
    });
    if (match == workers.end()) return NotFound("there is no live worker {}", name);
    found.push_back(match->address);
  }
  return found;
}

Result<int> RunAll(Session& session, const Args& args) {
  ASSIGN_OR_RETURN(const auto reads, Chosen(args, "readType", kReadTypes));
  ASSIGN_OR_RETURN(const auto writes, Chosen(args, "writeType", kWriteTypes));
  ASSIGN_OR_RETURN(const auto operations, Chosen(args, "operation", kOperations));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, session.fs());
  std::vector<std::optional<WorkerAddress>> workers{std::nullopt};
  const auto names = args.Value("workers");
  if (names) {
    ASSIGN_OR_RETURN(const auto found, FindWorkers(*fs, *names));
    workers.assign(found.begin(), found.end());
  }
  Runner runner(session.out(), *fs, args.ValueOr("directory", "/default_tests_files"));
  for (const auto& worker : workers) {
    if (worker) session.out().Line("Running test for worker:{}_{}", worker->host, worker->rpc_port);
    for (const auto& read : reads)
      for (const auto& write : writes)
        for (const auto& operation : operations) runner.Run(read, write, operation, worker);
  }
  if (runner.failures() > 0) {
    session.out().Line("Number of failed tests: {}", runner.failures());
  } else if (names) {
    session.out().Line("{}All workers passed tests!{}", kGreen, kPlain);
  }
  return runner.failures();
}

}  // namespace

int RunTestsMain(std::span<const std::string> words, Host& host) {
  std::vector<std::string> properties, rest;
  for (const std::string& word : words)
    (word.starts_with("-D") ? properties : rest).push_back(word);
  const auto fail = [&](const Status& status) {
    host.err.Line("{}", status.message());
    return 1;
  };
  const Result<Args> args = Args::Parse(Options(), rest);
  if (!args.ok()) return fail(args.status());
  if (!args->positional().empty())
    return fail(InvalidArgument("runTests takes options only, not {}", args->positional().front()));
  if (args->Has("help")) {
    host.out.Line(
        "Usage: headpond runTests [options]\nWrites and reads a small file in every way there is.");
    for (const OptionSpec& option : Options())
      host.out.Line("  --{:<12}{}", option.name, option.help);
    return kExitOk;
  }
  const auto session = Session::Open(host, properties);
  if (!session.ok()) return fail(session.status());
  const Result<int> failures = RunAll(**session, *args);
  return failures.ok() ? *failures : fail(failures.status());
}

}  // namespace headpond::cli

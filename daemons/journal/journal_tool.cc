#include "journal/journal_tool.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "journal/folder.h"

namespace headpond::journal {
namespace {

using nlohmann::ordered_json;

// A master writes now and then between two looks at the same bytes of it.
constexpr int kAttempts = 10;

// Within the journal's folder.
std::string_view NameOf(const VerifyReport& report, const FileReport& file) {
  return std::string_view(file.path).substr(report.folder.size() + 1);
}

std::string_view StateOf(const FileReport& file) {
  if (!file.problem.ok()) return "DAMAGED";
  if (file.torn_tail) return "TORN";
  return file.obsolete ? "OBSOLETE" : "GOOD";
}

bool HasRange(const FileReport& file) {
  return file.kind == FileKind::kLog && file.last_sequence >= file.first_sequence;
}

std::string Describe(const FileReport& file) {
  if (file.kind == FileKind::kSnapshot)
    return fmt::format("state before entry {}, may show up to {}", file.first_sequence,
                       file.last_sequence);
  if (!HasRange(file)) return fmt::format("no entries, next is {}", file.first_sequence);
  return fmt::format("entries {} to {}", file.first_sequence, file.last_sequence);
}

std::string Remark(const FileReport& file) {
  if (!file.problem.ok()) return file.problem.message();
  if (file.torn_tail)
    return fmt::format(
        "{} bytes at offset {} were never acknowledged: being written now, or cut off at the next "
        "start",
        file.bytes - file.good_bytes, file.good_bytes);
  if (file.obsolete) return "a newer snapshot replaces it: removed at the next start";
  return "";
}

void PrintText(const VerifyReport& report, std::ostream& out) {
  out << fmt::format("Journal {} of cluster {}\n", report.folder,
                     report.cluster_id.empty() ? "?" : report.cluster_id);
  size_t width = 0;
  for (const FileReport& file : report.contents.files)
    width = std::max(width, Describe(file).size());
  for (const FileReport& file : report.contents.files) {
    out << fmt::format("{:<29}  {:<{}}  {:>9} records  {:>12} bytes  {}\n", NameOf(report, file),
                       Describe(file), width, file.records, file.bytes, StateOf(file));
    if (const std::string remark = Remark(file); !remark.empty()) out << "    " << remark << "\n";
  }
  if (!report.problem.ok()) {
    out << "DAMAGED: " << report.problem.message() << "\n";
  } else if (!report.healthy()) {
    out << fmt::format("DAMAGED, but every entry up to {} can be recovered\n",
                       report.contents.last_sequence);
  } else {
    out << fmt::format("OK: every entry up to {} can be recovered\n",
                       report.contents.last_sequence);
  }
}

ordered_json ToJson(const VerifyReport& report, const FileReport& file) {
  ordered_json json{{"name", NameOf(report, file)},
                    {"kind", file.kind == FileKind::kLog ? "log" : "snapshot"},
                    {"status", StateOf(file)},
                    {"firstSequence", file.first_sequence},
                    {"lastSequence", file.last_sequence},
                    {"records", file.records},
                    {"bytes", file.bytes}};
  if (file.kind == FileKind::kLog) {
    json["goodBytes"] = file.good_bytes;
    json["cleanEnd"] = file.clean_end;
  }
  if (const std::string remark = Remark(file); !remark.empty()) json["remark"] = remark;
  return json;
}

// Paths and messages may hold bytes that are no UTF-8: they are replaced, never refused.
std::string Text(const ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

void PrintJson(const VerifyReport& report, std::ostream& out) {
  ordered_json files = ordered_json::array();
  for (const FileReport& file : report.contents.files) files.push_back(ToJson(report, file));
  ordered_json json{{"folder", report.folder},
                    {"clusterId", report.cluster_id},
                    {"healthy", report.healthy()},
                    {"recoverable", report.problem.ok()},
                    {"snapshotSequence", report.contents.snapshot_sequence},
                    {"lastSequence", report.contents.last_sequence},
                    {"files", std::move(files)}};
  if (!report.problem.ok()) json["problem"] = report.problem.message();
  out << Text(json, 2) << "\n";
}

std::string Escape(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    }
  }
  return text;
}

class Dumper final : public Replayer {
 public:
  Dumper(const DumpOptions& options, std::ostream& out) : options_(options), out_(out) {}

  Status OnSnapshotRecord(std::string_view record) override {
    if (options_.from > 0) return Status::Ok();
    const std::string text =
        options_.decode_record ? options_.decode_record(record) : Escape(record);
    if (options_.format == OutputFormat::kJson) {
      out_ << Text({{"snapshot", text}}, -1) << "\n";
    } else {
      out_ << "snapshot " << text << "\n";
    }
    return CheckOutput();
  }

  Status OnEntry(uint64_t sequence, std::string_view entry) override {
    if (sequence < options_.from) return Status::Ok();
    const std::string text = options_.decode_entry ? options_.decode_entry(entry) : Escape(entry);
    if (options_.format == OutputFormat::kJson) {
      out_ << Text({{"sequence", sequence}, {"entry", text}}, -1) << "\n";
    } else {
      out_ << sequence << " " << text << "\n";
    }
    return CheckOutput();
  }

 private:
  Status CheckOutput() const {
    return out_.good() ? Status::Ok() : Cancelled("the output was closed");
  }

  const DumpOptions& options_;
  std::ostream& out_;
};

}  // namespace

std::unique_ptr<Replayer> MakeDumper(const DumpOptions& options, std::ostream& out) {
  return std::make_unique<Dumper>(options, out);
}

Status ExplainVanished(const Status& status, io::Env& env, const std::string& folder) {
  if (status.code() != Code::kNotFound || !env.Exists(folder).value_or(false)) return status;
  return Aborted("the journal in {} changed while it was read (a master uses it): try again ({})",
                 folder, status.message());
}

bool VerifyReport::healthy() const {
  return problem.ok() && std::all_of(contents.files.begin(), contents.files.end(),
                                     [](const FileReport& file) { return file.problem.ok(); });
}

Result<VerifyReport> VerifyUndisturbed(const std::function<Result<VerifyReport>()>& read) {
  auto report = read();
  for (int attempt = 1; attempt < kAttempts && report.status().code() == Code::kAborted; ++attempt)
    report = read();
  return report;
}

namespace {

Result<VerifyReport> VerifyOnce(io::Env& env, const std::string& folder) {
  VerifyReport report{.folder = folder};
  const auto cluster_id = ReadStamp(env, folder);
  report.cluster_id = cluster_id.value_or("");
  auto contents = ReadFolder(env, folder, report.cluster_id, nullptr);
  if (!contents.ok()) return ExplainVanished(contents.status(), env, folder);
  report.contents = *std::move(contents);
  report.problem = cluster_id.ok() ? report.contents.problem : cluster_id.status();
  return report;
}

}  // namespace

Result<VerifyReport> VerifyJournal(io::Env& env, const std::string& folder) {
  return VerifyUndisturbed([&] { return VerifyOnce(env, folder); });
}

void PrintVerifyReport(const VerifyReport& report, OutputFormat format, std::ostream& out) {
  if (format == OutputFormat::kJson)
    PrintJson(report, out);
  else
    PrintText(report, out);
}

int ExitCode(const VerifyReport& report) {
  return report.healthy() ? 0 : 1;
}

Status DumpJournal(io::Env& env, const std::string& folder, const DumpOptions& options,
                   std::ostream& out) {
  ASSIGN_OR_RETURN(const std::string cluster_id, ReadStamp(env, folder));
  Dumper dumper(options, out);
  const auto contents = ReadFolder(env, folder, cluster_id, &dumper);
  if (!contents.ok()) return ExplainVanished(contents.status(), env, folder);
  return contents->problem;
}

}  // namespace headpond::journal

#include "operator/runtime/process/daemon_record.h"

#include <nlohmann/json.hpp>

#include "io/env.h"
#include "operator/runtime/kept_workload.h"
#include "operator/runtime/refusal.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;

constexpr int64_t kMaxRecordBytes = 8 << 20;
constexpr std::string_view kSuffix = ".json";

json KeptOrNull(const std::optional<plan::Workload>& workload) {
  return workload ? KeptToJson(*workload) : json();
}

std::optional<plan::Workload> ParseKeptOrNull(const json& record, const char* key) {
  const auto found = record.find(key);
  if (found == record.end() || found->is_null()) return std::nullopt;
  return ParseKept(*found);
}

}  // namespace

std::string ToText(const DaemonRecord& r) {
  const json text = {{"name", r.name},
                     {"role", plan::RoleName(r.role)},
                     {"ordinal", r.ordinal},
                     {"configHash", r.config_hash},
                     {"probe",
                      {{"host", r.probe.host},
                       {"rpcPort", r.probe.rpc_port},
                       {"webPort", r.probe.web_port},
                       {"path", r.probe.path}}},
                     {"output", r.output},
                     {"terminationGraceMs", r.termination_grace_ms},
                     {"pid", r.process.pid},
                     {"startTicks", r.process.start_ticks},
                     {"bootId", r.process.boot_id},
                     {"startedAtMs", r.started_at_ms},
                     {"stopRequestedAtMs", r.stop_requested_at_ms},
                     {"exitedAtMs", r.exited_at_ms},
                     {"crashes", r.crashes},
                     {"reason", r.reason},
                     {"message", r.message},
                     {"workload", KeptOrNull(r.workload)},
                     {"proven", KeptOrNull(r.proven)},
                     {"refusal", RefusalToJson(r.refusal)}};
  return text.dump(2, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace) + "\n";
}

Result<DaemonRecord> ParseDaemonRecord(const std::string& text) {
  try {
    const json j = json::parse(text);
    const json& probe = j.at("probe");
    DaemonRecord r;
    r.name = j.at("name");
    r.role = j.at("role") == plan::RoleName(plan::Role::kWorker) ? plan::Role::kWorker
                                                                 : plan::Role::kMaster;
    r.ordinal = j.at("ordinal");
    r.config_hash = j.at("configHash");
    r.probe = {probe.at("host"), probe.at("rpcPort"), probe.at("webPort"), probe.at("path")};
    r.output = j.at("output");
    r.termination_grace_ms = j.at("terminationGraceMs");
    r.process = {j.at("pid").get<pid_t>(), j.at("startTicks").get<uint64_t>(),
                 j.at("bootId").get<std::string>()};
    r.started_at_ms = j.at("startedAtMs");
    r.stop_requested_at_ms = j.at("stopRequestedAtMs");
    r.exited_at_ms = j.at("exitedAtMs");
    r.crashes = j.at("crashes");
    r.reason = j.at("reason");
    r.message = j.at("message");
    r.workload = ParseKeptOrNull(j, "workload");
    r.proven = ParseKeptOrNull(j, "proven");
    r.refusal = ParseRefusal(j.value("refusal", json()));
    return r;
  } catch (const json::exception& e) {
    return Status(Code::kDataLoss, fmt::format("not a daemon record: {}", e.what()));
  }
}

std::string DaemonRecords::PathOf(const std::string& name) const {
  return fmt::format("{}/{}{}", directory_, name, kSuffix);
}

Result<std::vector<DaemonRecord>> DaemonRecords::List() const {
  io::Env& env = io::Env::Posix();
  std::vector<DaemonRecord> records;
  ASSIGN_OR_RETURN(const bool exists, env.Exists(directory_));
  if (!exists) return records;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, env.List(directory_));
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;  // a write that a crash cut short
    const std::string path = directory_ + "/" + name;
    ASSIGN_OR_RETURN(const std::string text, io::ReadWholeFile(env, path, kMaxRecordBytes));
    auto record = ParseDaemonRecord(text);
    if (!record.ok()) return record.status().WithContext(path);
    records.push_back(*std::move(record));
  }
  return records;
}

Status DaemonRecords::Write(const DaemonRecord& record) const {
  RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(directory_));
  return io::WriteFileAtomically(io::Env::Posix(), PathOf(record.name), ToText(record));
}

Status DaemonRecords::Remove(const std::string& name) const {
  const Status removed = io::Env::Posix().Remove(PathOf(name));
  return removed.code() == Code::kNotFound ? Status::Ok() : removed;
}

}  // namespace headpond::runtime

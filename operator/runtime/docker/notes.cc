#include "operator/runtime/docker/notes.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/log.h"
#include "io/env.h"
#include "operator/runtime/kept_workload.h"
#include "operator/runtime/refusal.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;

constexpr int64_t kMaxKeptBytes = 64 << 20;
constexpr int64_t kMaxNoteBytes = 1 << 20;
constexpr std::string_view kSuffix = ".json";

using RefusedLimits = plan::ObservedWorkload::RefusedLimits;

json LimitsToJson(const std::optional<RefusedLimits>& refused) {
  if (!refused) return nullptr;
  return {{"memoryBytes", refused->limits.memory_bytes},
          {"nanoCpus", refused->limits.nano_cpus},
          {"atMs", refused->at_ms},
          {"message", refused->message}};
}

std::optional<RefusedLimits> ParseLimits(const json& json) {
  if (json.is_null()) return std::nullopt;
  return RefusedLimits{
      .limits = {.memory_bytes = json.at("memoryBytes"), .nano_cpus = json.at("nanoCpus")},
      .at_ms = json.at("atMs"),
      .message = json.at("message")};
}

std::string ToText(const DaemonNote& n) {
  const json text = {{"name", n.name},
                     {"role", plan::RoleName(n.role)},
                     {"ordinal", n.ordinal},
                     {"configHash", n.config_hash},
                     {"containerId", n.container_id},
                     {"stopRequestedAtMs", n.stop_requested_at_ms},
                     {"countedExitAtMs", n.counted_exit_at_ms},
                     {"crashes", n.crashes},
                     {"startFailed", n.start_failed},
                     {"failedAtMs", n.failed_at_ms},
                     {"reason", n.reason},
                     {"message", n.message},
                     {"provenHash", n.proven_hash},
                     {"refusal", RefusalToJson(n.refusal)},
                     {"refusedLimits", LimitsToJson(n.refused_limits)}};
  return text.dump(2, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace) + "\n";
}

Result<DaemonNote> Parse(const std::string& text) {
  const json found = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!found.is_object()) return Status(Code::kDataLoss, "not a note");
  try {
    return DaemonNote{.name = found.at("name"),
                      .role = found.at("role") == plan::RoleName(plan::Role::kWorker)
                                  ? plan::Role::kWorker
                                  : plan::Role::kMaster,
                      .ordinal = found.at("ordinal"),
                      .config_hash = found.at("configHash"),
                      .container_id = found.at("containerId"),
                      .stop_requested_at_ms = found.at("stopRequestedAtMs"),
                      .counted_exit_at_ms = found.at("countedExitAtMs"),
                      .crashes = found.at("crashes"),
                      .start_failed = found.at("startFailed"),
                      .failed_at_ms = found.at("failedAtMs"),
                      .reason = found.at("reason"),
                      .message = found.at("message"),
                      .proven_hash = found.value("provenHash", ""),
                      .refusal = ParseRefusal(found.value("refusal", json())),
                      .refused_limits = ParseLimits(found.value("refusedLimits", json()))};
  } catch (const json::exception& error) {
    return Status(Code::kDataLoss, error.what());
  }
}

Result<plan::Workload> ReadKept(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text,
                   io::ReadWholeFile(io::Env::Posix(), path, kMaxKeptBytes));
  try {
    return ParseKept(json::parse(text));
  } catch (const json::exception& error) {
    return Status(Code::kDataLoss, fmt::format("{}: {}", path, error.what()));
  }
}

}  // namespace

std::string DaemonNotes::PathOf(const std::string& name) const {
  return fmt::format("{}/{}{}", directory_, name, kSuffix);
}

std::string DaemonNotes::TriedPath(const std::string& name) const {
  return fmt::format("{}/{}.tried", directory_, name);
}

std::string DaemonNotes::ProvenPath(const std::string& name) const {
  return fmt::format("{}/{}.proven", directory_, name);
}

Result<std::vector<DaemonNote>> DaemonNotes::List() const {
  std::vector<DaemonNote> notes;
  ASSIGN_OR_RETURN(const bool exists, io::Env::Posix().Exists(directory_));
  if (!exists) return notes;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, io::Env::Posix().List(directory_));
  for (const std::string& file : names) {
    if (!file.ends_with(kSuffix)) continue;
    const std::string name = file.substr(0, file.size() - kSuffix.size());
    DaemonNote note = Find(name);
    if (note.name == name) notes.push_back(std::move(note));
  }
  return notes;
}

DaemonNote DaemonNotes::Find(const std::string& name) const {
  const auto text = io::ReadWholeFile(io::Env::Posix(), PathOf(name), kMaxNoteBytes);
  if (!text.ok()) return {.name = name};
  auto note = Parse(*text);
  if (note.ok()) return *std::move(note);
  LogWarn("docker-runtime", "ignored {}: {}", PathOf(name), note.status().message());
  return {.name = name};
}

Status DaemonNotes::Write(const DaemonNote& note) const {
  RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(directory_));
  return io::WriteFileAtomically(io::Env::Posix(), PathOf(note.name), ToText(note));
}

Status DaemonNotes::Remove(const std::string& name) const {
  for (const std::string& path : {TriedPath(name), ProvenPath(name), PathOf(name)}) {
    const Status removed = io::Env::Posix().Remove(path);
    if (!removed.ok() && removed.code() != Code::kNotFound) return removed;
  }
  return Status::Ok();
}

Status DaemonNotes::KeepTried(const plan::Workload& workload) const {
  RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(directory_));
  return io::WriteFileAtomically(
      io::Env::Posix(), TriedPath(workload.name),
      KeptToJson(workload).dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace));
}

Status DaemonNotes::KeepProven(const std::string& name, const std::string& config_hash) const {
  const auto tried = ReadKept(TriedPath(name));
  // One that an operator before us started is not kept.
  if (!tried.ok() || tried->ConfigHash() != config_hash) return Status::Ok();
  return io::Env::Posix().Rename(TriedPath(name), ProvenPath(name));
}

Result<plan::Workload> DaemonNotes::Proven(const std::string& name,
                                           const std::string& config_hash) const {
  ASSIGN_OR_RETURN(plan::Workload kept, ReadKept(ProvenPath(name)));
  if (kept.ConfigHash() != config_hash)
    return NotFound("{} was kept with another configuration", name);
  return kept;
}

Status DaemonNotes::RemoveAll() const {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
  return error ? ErrnoStatus(error.value(), "delete " + directory_) : Status::Ok();
}

}  // namespace headpond::runtime

#include "operator/daemon/backup_caller.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace headpond::operator_daemon {
namespace {

using controller::BackupAnswer;
using controller::BackupCall;
using nlohmann::json;

// More backups at a time than that wait for each other.
constexpr int kThreads = 2;
constexpr size_t kQueue = 64;

std::string KeyOf(const BackupCall& call) {
  return (call.begins ? "begin " : "look ") + call.id;
}

std::string IdOf(const std::string& key) {
  return key.substr(key.find(' ') + 1);
}

std::vector<std::string> WordsOf(const BackupCall& call) {
  std::vector<std::string> words = {"backup"};
  if (!call.begins) words.emplace_back("--look");
  if (call.begins && !call.directory.empty()) words.push_back(call.directory);
  if (call.begins && call.local) words.emplace_back("--local");
  // A backup that is asked for is worth some of the leader's time.
  if (call.begins) words.emplace_back("--allow-leader");
  words.insert(words.end(), {"--id", call.id, "--no-wait", "-o", "json"});
  return words;
}

Code CodeOf(const std::string& name) {
  for (int number = 0; number <= static_cast<int>(Code::kUnauthenticated); ++number)
    if (CodeName(static_cast<Code>(number)) == name) return static_cast<Code>(number);
  return Code::kUnavailable;
}

BackupAnswer::State StateOf(const std::string& name) {
  if (name == "Completed") return BackupAnswer::State::kCompleted;
  return name == "None" ? BackupAnswer::State::kUnknown : BackupAnswer::State::kRunning;
}

}  // namespace

Result<BackupAnswer> ReadBackupOutcome(const std::string& output) {
  try {
    const json document = json::parse(output);
    if (const auto error = document.find("error"); error != document.end())
      return Status(CodeOf(document.at("code").get<std::string>()), error->get<std::string>());
    return BackupAnswer{.state = StateOf(document.at("state").get<std::string>()),
                        .id = document.at("id"),
                        .host = document.at("host"),
                        .uri = document.at("uri"),
                        .entries = document.at("entries")};
  } catch (const json::exception&) {
    return Unavailable("headpond fsadmin backup: {}", OneLine(output));
  }
}

AdminBackupCaller::AdminBackupCaller(AdminProgram program, std::function<void()> answered)
    : program_(std::move(program)),
      answered_(std::move(answered)),
      threads_("backup-calls", kThreads, kQueue) {}

AdminBackupCaller::~AdminBackupCaller() {
  threads_.Shutdown();
}

std::optional<Result<BackupAnswer>> AdminBackupCaller::Ask(const BackupCall& call) {
  const std::string key = KeyOf(call);
  {
    MutexLock lock(mutex_);
    const auto [at, is_new] = calls_.try_emplace(key);
    if (!is_new) {
      if (!at->second) return std::nullopt;
      Outcome outcome = std::move(at->second);
      calls_.erase(at);
      return outcome;
    }
  }
  const Status submitted = threads_.Submit([this, key, call] {
    const auto ran = RunAdmin(program_, WordsOf(call), call.access);
    Result<BackupAnswer> answer = ran.ok() ? ReadBackupOutcome(ran->output)
                                           : ran.status().WithContext("headpond fsadmin backup");
    {
      MutexLock lock(mutex_);
      if (const auto at = calls_.find(key); at != calls_.end()) at->second = std::move(answer);
    }
    answered_();
  });
  if (submitted.ok()) return std::nullopt;
  MutexLock lock(mutex_);
  calls_.erase(key);  // asked again in a while
  return submitted;
}

void AdminBackupCaller::KeepOnly(const std::set<std::string>& ids) {
  MutexLock lock(mutex_);
  std::erase_if(calls_, [&](const auto& call) { return !ids.contains(IdOf(call.first)); });
}

}  // namespace headpond::operator_daemon

#include "operator/cli/operator_link.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/clock.h"
#include "operator/controller/home.h"
#include "operator/kube/object_source.h"
#include "operator/runtime/process/launcher.h"

namespace headpond::operator_cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStartTimeout(20);
constexpr std::chrono::seconds kChangeLockTimeout(30);  // others may be starting the operator
constexpr milliseconds kStartLook(20);
constexpr int64_t kMaxLogBytes = 10 << 20;
constexpr int64_t kMaxStored = 256 << 20;
constexpr size_t kLogTail = 2000;

std::string BesideThisBinary(const char* name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / name).string();
}

std::string ValueOr(const std::map<std::string, std::string>& environment, const char* name,
                    std::string otherwise) {
  const auto found = environment.find(name);
  return found == environment.end() || found->second.empty() ? std::move(otherwise) : found->second;
}

std::string TailOf(const std::string& path) {
  const auto file = io::Env::Posix().OpenForRead(path);
  if (!file.ok()) return "";
  std::string tail(kLogTail, '\0');
  const int64_t start = std::max<int64_t>(0, (*file)->size() - static_cast<int64_t>(tail.size()));
  tail.resize((*file)->ReadAt(start, tail.size(), tail.data()).value_or(0));
  return tail;
}

void RotateLog(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && info.st_size > kMaxLogBytes)
    (void)io::Env::Posix().Rename(path, path + ".1");
}

Status HowItEnded(int pidfd, const std::string& log) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0)
    return ErrnoStatus(errno, "wait for the operator");
  return Unavailable("the operator ended at once; the end of {}:\n{}", log, TailOf(log));
}

bool EndedWithin(int pidfd, milliseconds timeout) {
  pollfd entry{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, static_cast<int>(timeout.count())) == 1;
}

// Returns at the first change of a cluster after `version`, or after a second.
Status WaitForChange(kube::ObjectSource& clusters, int64_t version) {
  const Status ended = clusters.Watch(
      version, std::chrono::seconds(1),
      [](std::string_view) { return Status(Code::kCancelled, "a change"); }, [] { return false; });
  return ended.code() == Code::kCancelled ? Status::Ok() : ended;
}

}  // namespace

OperatorLink::OperatorLink(std::string home, std::map<std::string, std::string> environment,
                           std::string operator_program, std::string program)
    : home_(std::move(home)),
      environment_(std::move(environment)),
      operator_program_(std::move(operator_program)),
      program_(std::move(program)),
      api_(std::make_unique<kube::Client>(
          kube::AtSocket(controller::ApiFolder(home_) + "/api.sock"), Clock::System(),
          kube::Client::Options{.user_agent = "headpond"})) {}

Result<OperatorLink> OperatorLink::FromEnvironment() {
  auto environment = controller::ProcessEnvironment();
  ASSIGN_OR_RETURN(std::string home, controller::HomePath(environment));
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(home));
  std::string operator_program =
      ValueOr(environment, "HEADPOND_OPERATOR", BesideThisBinary("headpond-operator"));
  std::string program = ValueOr(environment, "HEADPOND_PROGRAM", BesideThisBinary("headpond"));
  return OperatorLink(std::move(home), std::move(environment), std::move(operator_program),
                      std::move(program));
}

std::string OperatorLink::kubeconfig() const {
  return controller::ApiFolder(home_) + "/kubeconfig";
}

Result<std::unique_ptr<io::FileLock>> OperatorLink::KeepOperator() {
  return controller::LockWithin(controller::ChangeLockPath(home_), kChangeLockTimeout);
}

bool OperatorLink::IsRunning() {
  return api_->Get({"", "v1", "namespaces"}, {"", "default"}).ok();
}

void OperatorLink::WaitForEnd(milliseconds timeout) const {
  api_->CloseIdle();
  (void)controller::LockWithin(controller::OperatorLockPath(home_), timeout);
}

Status OperatorLink::EnsureRunning() {
  if (IsRunning()) return Status::Ok();
  const std::string log = controller::OperatorLogPath(home_);
  RotateLog(log);
  const auto process =
      runtime::Launch({.program = operator_program_,
                       .args = {"run", "--exit-when-empty", "--home", home_, "--program", program_},
                       .env = environment_,
                       .directory = home_,
                       .output = log},
                      [](const runtime::ProcessIdentity&) { return Status::Ok(); });
  if (!process.ok()) return process.status().WithContext("cannot start the operator");
  const auto deadline = steady_clock::now() + kStartTimeout;
  ASSIGN_OR_RETURN(const UniqueFd pidfd, runtime::OpenProcess(*process));
  while (!IsRunning()) {
    // Also when another command's operator was faster.
    if (EndedWithin(pidfd.get(), kStartLook) && !IsRunning()) return HowItEnded(pidfd.get(), log);
    if (steady_clock::now() >= deadline)
      return Unavailable("the operator did not come up; see {}", log);
  }
  return Status::Ok();
}

Result<nlohmann::json> OperatorLink::StoredObjects() {
  const std::string file = fmt::format("{}/objects.{}", home_, ::getpid());
  const auto process =
      runtime::Launch({.program = operator_program_,
                       .args = {"objects", "--home", home_},
                       .env = environment_,
                       .directory = home_,
                       .output = file},
                      [](const runtime::ProcessIdentity&) { return Status::Ok(); });
  if (!process.ok()) return process.status().WithContext("cannot ask for the stored clusters");
  ASSIGN_OR_RETURN(const UniqueFd pidfd, runtime::OpenProcess(*process));
  const bool ended = EndedWithin(pidfd.get(), kStartTimeout);
  const auto text = io::ReadWholeFile(io::Env::Posix(), file, kMaxStored);
  (void)io::Env::Posix().Remove(file);
  if (!ended) return DeadlineExceeded("{} objects does not end", operator_program_);
  RETURN_IF_ERROR(text.status());
  nlohmann::json list = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_object()) return Unavailable("{}", *text);
  return list;
}

Result<bool> OperatorLink::WaitUntil(steady_clock::time_point deadline,
                                     const std::function<Result<bool>()>& done) {
  const auto clusters = api_->Source({"headpond.dev", "v1alpha1", "cacheclusters"}, "");
  while (true) {
    const auto before = clusters->List("");
    const auto is_done = done();
    if (!is_done.ok() && is_done.status().code() != Code::kUnavailable) return is_done.status();
    if (is_done.ok() && *is_done) return true;
    if (steady_clock::now() >= deadline) return false;
    RETURN_IF_ERROR(EnsureRunning());
    // Whoever can't watch looks again a little later.
    if (!before.ok() || !WaitForChange(*clusters, before->version).ok())
      ::poll(nullptr, 0, static_cast<int>(kStartLook.count()));
  }
}

}  // namespace headpond::operator_cli

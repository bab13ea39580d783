#include "operator/cli/operator_link.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/clock.h"
#include "io/env.h"
#include "operator/controller/directory_watch.h"
#include "operator/controller/home.h"
#include "operator/daemon/operator_daemon.h"
#include "operator/runtime/process/launcher.h"

namespace headpond::operator_cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStartTimeout(10);
constexpr milliseconds kLookInterval(500);  // for what no file tells: the operator's death
constexpr int64_t kMaxLogBytes = 10 << 20;
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

// An operator that found nothing to do ends with code 0; any other end at once is trouble.
Status HowItEnded(int pidfd, const std::string& log) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0)
    return ErrnoStatus(errno, "wait for the operator");
  if (info.si_code == CLD_EXITED && info.si_status == 0) return Status::Ok();
  return Unavailable("the operator ended at once; the end of {}:\n{}", log, TailOf(log));
}

}  // namespace

OperatorLink::OperatorLink(std::string home, std::map<std::string, std::string> environment,
                           std::string operator_program, std::string program)
    : environment_(std::move(environment)),
      operator_program_(std::move(operator_program)),
      program_(std::move(program)),
      store_(std::move(home), Clock::System()) {}

Result<OperatorLink> OperatorLink::FromEnvironment() {
  auto environment = controller::ProcessEnvironment();
  ASSIGN_OR_RETURN(std::string home, controller::HomePath(environment));
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(home));
  std::string operator_program =
      ValueOr(environment, "HEADPOND_OPERATOR", BesideThisBinary("headpond-operator"));
  std::string program = ValueOr(environment, "HEADPOND_PROGRAM", BesideThisBinary("headpond"));
  OperatorLink link(std::move(home), std::move(environment), std::move(operator_program),
                    std::move(program));
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(link.store_.objects_dir()));
  RETURN_IF_ERROR(controller::EnsurePrivateDirectory(link.store_.status_dir()));
  return link;
}

bool OperatorLink::IsRunning() {
  // Two commands that look at the same moment would take each other for the operator.
  const auto alone = store_.LockChanges();
  return !io::Env::Posix().Lock(operator_daemon::LockPath(store_.home())).ok();
}

void OperatorLink::WaitForEnd(milliseconds timeout) const {
  (void)controller::LockWithin(operator_daemon::LockPath(store_.home()), timeout);
}

Status OperatorLink::EnsureRunning() {
  if (IsRunning()) return Status::Ok();
  const std::string log = operator_daemon::LogPath(store_.home());
  RotateLog(log);
  const auto process = runtime::Launch(
      {.program = operator_program_,
       .args = {"run", "--exit-when-empty", "--home", store_.home(), "--program", program_},
       .env = environment_,
       .directory = store_.home(),
       .output = log},
      [](const runtime::ProcessIdentity&) { return Status::Ok(); });
  if (!process.ok()) return process.status().WithContext("cannot start the operator");
  const auto deadline = steady_clock::now() + kStartTimeout;
  ASSIGN_OR_RETURN(const UniqueFd pidfd, runtime::OpenProcess(*process));
  ASSIGN_OR_RETURN(controller::DirectoryWatch watch,
                   controller::DirectoryWatch::Open({store_.status_dir()}));
  while (!IsRunning()) {
    if (runtime::HasEnded(pidfd.get())) return HowItEnded(pidfd.get(), log);
    if (steady_clock::now() >= deadline)
      return Unavailable("the operator did not come up; see {}", log);
    watch.Wait(milliseconds(10));
  }
  return Status::Ok();
}

Result<bool> OperatorLink::WaitUntil(steady_clock::time_point deadline,
                                     const std::function<Result<bool>()>& done) {
  ASSIGN_OR_RETURN(controller::DirectoryWatch watch,
                   controller::DirectoryWatch::Open({store_.status_dir(), store_.objects_dir()}));
  while (true) {
    ASSIGN_OR_RETURN(const bool is_done, done());
    if (is_done) return true;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    if (left <= milliseconds::zero()) return false;
    RETURN_IF_ERROR(EnsureRunning());
    watch.Wait(std::min(left, kLookInterval));
  }
}

}  // namespace headpond::operator_cli

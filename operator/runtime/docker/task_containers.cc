#include "operator/runtime/docker/task_containers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/unique_fd.h"
#include "operator/runtime/docker/container_body.h"
#include "operator/runtime/docker/task_body.h"

namespace headpond::runtime {
namespace {

namespace fs = std::filesystem;
using api::ContainerMount;
using api::MountSource;
using plan::ContainerState;

// A task says these itself or has them from its definition.
constexpr const char* kPolicyField =
    "spec.container.imagePullPolicy of the task (spec.imagePullPolicy of its definition)";
constexpr const char* kTarsField = "imageTars beside it";
constexpr mode_t kPrivate = 0700;
constexpr mode_t kReadableFolder = 0500, kReadableFile = 0400;
// Lines asked for to fill a tail; longer ones are cut anyway.
constexpr int kTailLines = 100;

int NumberOf(const Labels& labels, std::string_view key) {
  const auto found = labels.find(std::string(key));
  int number = -1;
  if (found != labels.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

plan::ObservedContainer Look(const ContainerInfo& container) {
  plan::ObservedContainer out{.of = {.index = NumberOf(container.labels, kTaskIndexLabel),
                                     .attempt = NumberOf(container.labels, kTaskAttemptLabel)},
                              .id = container.id,
                              .pid = container.pid,
                              .exit_code = container.exit_code,
                              .out_of_memory = container.out_of_memory,
                              .started_at_ms = container.started_at_ms,
                              .finished_at_ms = container.finished_at_ms};
  const bool never_ran = container.status == "created" || container.started_at_ms == 0;
  if (never_ran) {
    out.start_error = container.error;
  } else {
    const bool runs = container.is_running() || container.status == "restarting";
    out.state = runs ? ContainerState::kRunning : ContainerState::kExited;
  }
  return out;
}

// Of a Secret, as a file's name.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

// Makes `path` hold `content`, for one user to read; containers that have it mounted see the old
// file or the new one.
Status WriteSecretFile(const std::string& path, const std::string& content, int64_t uid,
                       int64_t gid) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const UniqueFd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kReadableFile));
  if (!file.valid()) return ErrnoStatus(errno, "create " + fresh);
  for (size_t done = 0; done < content.size();) {
    const ssize_t length = ::write(file.get(), content.data() + done, content.size() - done);
    if (length < 0 && errno != EINTR) return ErrnoStatus(errno, "write " + fresh);
    if (length > 0) done += static_cast<size_t>(length);
  }
  const auto user = static_cast<uid_t>(uid);
  if (::fchown(file.get(), user, static_cast<gid_t>(gid)) != 0 && user != ::geteuid())
    return PermissionDenied(
        "a Secret's files can't be given to user {}: the operator runs as user {} and is not root",
        uid, ::geteuid());
  if (::rename(fresh.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename " + fresh);
  return Status::Ok();
}

Status MakeFolder(const std::string& path) {
  if (::mkdir(path.c_str(), kPrivate) == 0 || errno == EEXIST) return Status::Ok();
  return ErrnoStatus(errno, "create " + path);
}

}  // namespace

DockerTaskRuntime::DockerTaskRuntime(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), engine_(options_.endpoint) {}

DockerTaskRuntime::~DockerTaskRuntime() = default;

void DockerTaskRuntime::OnChange(std::function<void()> changed) {
  changed_ = std::move(changed);
}

std::string DockerTaskRuntime::Node() const {
  if (!options_.endpoint.is_local()) return options_.endpoint.host;
  constexpr size_t kLongest = 256;
  char name[kLongest] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

Result<plan::ObservedTask> DockerTaskRuntime::Observe(const TaskRef& task,
                                                      const std::string& image) {
  if (!events_) events_ = std::make_unique<EventWatch>(options_.endpoint, changed_);
  ASSIGN_OR_RETURN(const auto containers,
                   engine_.ListContainers(
                       {LabelIs(kTaskUidLabel, task.uid), LabelIs(kManagedByLabel, kManagedBy)}));
  plan::ObservedTask observed;
  for (const ContainerInfo& container : containers) {
    observed.containers.push_back(Look(container));
    if (!container.is_running()) asked_to_stop_.erase(container.id);
  }
  if (!fetcher_) return observed;
  const auto images = fetcher_->images(task.pull_access);
  if (const auto found = images.find(image); found != images.end()) observed.image = found->second;
  return observed;
}

Status DockerTaskRuntime::Fetch(const TaskRef& task, const api::ContainerTemplate& container) {
  if (!fetcher_)
    fetcher_ =
        std::make_unique<ImageFetcher>(options_.endpoint, options_.environment, clock_, changed_,
                                       ImageFetcher::Fields{kPolicyField, kTarsField});
  fetcher_->Fetch({.image = container.image,
                   .pull_policy = container.pull_policy,
                   .image_tars = container.image_tars},
                  task.pull_access);
  return Status::Ok();
}

Status DockerTaskRuntime::CheckAllowed(const api::ContainerTemplate& container) {
  if (container.uid == 0 || container.gid == 0) {
    ASSIGN_OR_RETURN(const bool mapped, engine_.MapsRoot());
    if (!mapped)
      return PermissionDenied(
          "user {}:{} would be root on {}: its engine maps no users. Choose another user, or an "
          "engine with userns-remap or a rootless one",
          container.uid, container.gid, Node());
  }
  for (const ContainerMount& mount : container.mounts) {
    if (mount.source == MountSource::kDataset)
      return FailedPrecondition(
          "Dataset {} can't be mounted at {}: this host has no FUSE mount of the cache. Mount the "
          "client's jars by hostPath and use alluxio:// addresses",
          mount.name, mount.path);
    if (mount.source != MountSource::kHostPath || !options_.endpoint.is_local()) continue;
    std::error_code error;
    const fs::path real = fs::canonical(mount.name, error);
    if (error)
      return FailedPrecondition("{} is not on {} ({}): create it, or mount another folder",
                                mount.name, Node(), error.message());
    if (api::IsForbiddenHostPath(real.native()) ||
        (options_.home + "/").starts_with(real.native() + "/") ||
        real.native().starts_with(options_.home + "/"))
      return PermissionDenied("{} is {}, which would give the task its host", mount.name,
                              real.native());
  }
  return Status::Ok();
}

std::string DockerTaskRuntime::SecretsDir(const TaskRef& task) const {
  return fmt::format("{}/tasks/{}", options_.home, task.uid);
}

Status DockerTaskRuntime::WriteSecrets(const TaskRef& task, const TaskContainer& container) {
  if (container.secrets.empty()) return Status::Ok();
  if (!options_.endpoint.is_local())
    return FailedPrecondition(
        "Secrets can be mounted only where the engine runs on the operator's "
        "machine");
  RETURN_IF_ERROR(MakeFolder(options_.home + "/tasks"));
  RETURN_IF_ERROR(MakeFolder(SecretsDir(task)));
  const int64_t uid = container.container.uid, gid = container.container.gid;
  for (const auto& [name, files] : container.secrets) {
    const std::string folder = fmt::format("{}/{}", SecretsDir(task), name);
    RETURN_IF_ERROR(MakeFolder(folder));
    ::chmod(folder.c_str(), kPrivate);
    for (const auto& [key, content] : files) {
      if (!IsPlainName(key)) return InvalidArgument("Secret {} has a bad key: {}", name, key);
      RETURN_IF_ERROR(WriteSecretFile(folder + "/" + key, content, uid, gid));
    }
    if (::chmod(folder.c_str(), kReadableFolder) != 0) return ErrnoStatus(errno, folder);
    if (::chown(folder.c_str(), static_cast<uid_t>(uid), static_cast<gid_t>(gid)) != 0 &&
        static_cast<uid_t>(uid) != ::geteuid())
      return ErrnoStatus(errno, "chown " + folder);
  }
  return Status::Ok();
}

Status DockerTaskRuntime::Create(const TaskRef& task, const plan::TaskAttempt& of,
                                 const TaskContainer& container) {
  RETURN_IF_ERROR(CheckAllowed(container.container));
  const std::string name = TaskContainerName(task, of);
  const auto there = engine_.InspectByName(name);
  if (there.ok()) {
    const auto uid = there->labels.find(std::string(kTaskUidLabel));
    if (uid != there->labels.end() && uid->second == task.uid) return Status::Ok();
    return AlreadyExists("a container of somebody else is called {}: remove or rename it", name);
  }
  if (there.status().code() != Code::kNotFound) return there.status();
  RETURN_IF_ERROR(WriteSecrets(task, container));
  const auto created =
      engine_.CreateContainer(name, TaskContainerBody(task, of, container, SecretsDir(task)));
  // The image is gone again, or the network isn't there.
  if (created.status().code() == Code::kNotFound && fetcher_)
    fetcher_->Forget(container.container.image);
  if (created.status().code() == Code::kInvalidArgument)
    return FailedPrecondition("{}", created.status().message());
  return created.status();
}

Status DockerTaskRuntime::Start(const std::string& container_id) {
  return engine_.StartContainer(container_id);
}

Status DockerTaskRuntime::Stop(const std::string& container_id) {
  if (asked_to_stop_.contains(container_id)) return Status::Ok();
  RETURN_IF_ERROR(engine_.Kill(container_id, "SIGTERM"));
  asked_to_stop_.insert(container_id);
  // A paused process gets its signals when it goes on.
  (void)engine_.Unpause(container_id);
  return Status::Ok();
}

Status DockerTaskRuntime::Kill(const std::string& container_id) {
  return engine_.Kill(container_id, "SIGKILL");
}

Status DockerTaskRuntime::Remove(const std::string& container_id) {
  asked_to_stop_.erase(container_id);
  return engine_.RemoveContainer(container_id);
}

Status DockerTaskRuntime::CleanUp(const TaskRef& task) {
  std::error_code error;
  fs::remove_all(SecretsDir(task), error);
  if (error) return Internal("cannot remove {}: {}", SecretsDir(task), error.message());
  return Status::Ok();
}

Result<std::string> DockerTaskRuntime::LogTail(const std::string& container_id, size_t max_bytes) {
  std::string text;
  RETURN_IF_ERROR(engine_.ReadOutput(container_id, {.tail_lines = kTailLines},
                                     [&](bool /*is_error*/, std::string_view piece) {
                                       text += piece;
                                       // What is printed without end must not be kept whole.
                                       if (text.size() > 2 * max_bytes)
                                         text.erase(0, text.size() - max_bytes);
                                       return true;
                                     }));
  if (text.size() <= max_bytes) return text;
  text.erase(0, text.size() - max_bytes);
  if (const size_t end = text.find('\n'); end != std::string::npos) text.erase(0, end + 1);
  return text;
}

}  // namespace headpond::runtime

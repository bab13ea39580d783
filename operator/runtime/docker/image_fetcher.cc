#include "operator/runtime/docker/image_fetcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "image/credentials.h"
#include "image/reference.h"

namespace headpond::runtime {
namespace {

using plan::ImageState;

constexpr std::string_view kComponent = "image-fetcher";
constexpr size_t kPiece = 256 << 10;
constexpr std::chrono::milliseconds kKeepUnused = std::chrono::hours(1);

// Why an image can't be had, as a condition's reason.
constexpr const char* kPullFailed = "ImagePullFailed";
constexpr const char* kNotPresent = "ImageNotPresent";

}  // namespace

struct ImageFetcher::Login {
  std::optional<image::Credentials> credentials;
  std::string source;  // for people
};

struct ImageFetcher::Logins {
  std::vector<Login> tried;  // in this order; at least one
  std::string notes;         // why there are no others: "; ..."
};

ImageFetcher::ImageFetcher(Endpoint endpoint, std::map<std::string, std::string> environment,
                           const Clock& clock, std::function<void()> changed, Fields fields)
    : environment_(std::move(environment)),
      fields_(std::move(fields)),
      engine_(endpoint),
      transfers_(EngineAddress(endpoint), [this] { return cancelled_.load(); }),
      clock_(clock),
      changed_(std::move(changed)),
      thread_([this] { Run(); }) {}

ImageFetcher::~ImageFetcher() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  cancelled_ = true;
  engine_.client().Cancel();
  thread_.join();
}

void ImageFetcher::Fetch(const plan::Container& container, const PullAccess& access) {
  MutexLock lock(mutex_);
  // Accesses come and go with the Secrets that they are made of.
  std::erase_if(images_, [&](const auto& known) {
    const auto& [key, image] = known;
    return !key.first.empty() && image.state != ImageState::kFetching &&
           clock_.NowMs() - image.changed_at_ms > kKeepUnused.count();
  });
  plan::ObservedImage& image = images_[{access.key, container.image}];
  if (image.state == ImageState::kFetching && image.changed_at_ms != 0) return;
  image.state = ImageState::kFetching;
  image.changed_at_ms = clock_.NowMs();
  image.message = "is looked for";
  queue_.push_back({container, access});
  wake_.NotifyAll();
}

std::map<std::string, plan::ObservedImage> ImageFetcher::images(const PullAccess& access) const {
  MutexLock lock(mutex_);
  std::map<std::string, plan::ObservedImage> found;
  for (const auto& [key, image] : images_)
    if (key.first == access.key) found[key.second] = image;
  return found;
}

void ImageFetcher::Forget(const std::string& image) {
  MutexLock lock(mutex_);
  std::erase_if(images_, [&](const auto& known) { return known.first.second == image; });
}

void ImageFetcher::Run() {
  while (true) {
    Job next;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      if (stopping_) return;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    Work(next);
    changed_();
  }
}

void ImageFetcher::Work(const Job& job) {
  const Status obtained = Obtain(job);
  const plan::Container& container = job.container;
  MutexLock lock(mutex_);
  plan::ObservedImage& image = images_[job.key()];
  image.changed_at_ms = clock_.NowMs();
  if (obtained.ok()) {
    image = {.state = ImageState::kPresent, .changed_at_ms = image.changed_at_ms};
    return;
  }
  LogWarn(kComponent, "image {}: {}", container.image, obtained.message());
  image.state = ImageState::kFailed;
  image.failures += 1;
  image.reason = container.pull_policy == api::PullPolicy::kNever ? kNotPresent : kPullFailed;
  image.message = obtained.message();
}

Status ImageFetcher::Obtain(const Job& job) {
  const plan::Container& container = job.container;
  const std::string& reference = container.image;
  Status found = engine_.ImageId(reference).status();
  if (found.code() != Code::kNotFound && !found.ok()) return found;
  if (!found.ok()) {
    for (const std::string& tar : container.image_tars) {
      SetMessage(job.key(), "is loaded from " + tar);
      RETURN_IF_ERROR(Load(tar).WithContext(fields_.tars + ": " + tar));
    }
    if (!container.image_tars.empty()) found = engine_.ImageId(reference).status();
  }
  const bool pulls = container.pull_policy == api::PullPolicy::kAlways ||
                     (!found.ok() && container.pull_policy == api::PullPolicy::kIfNotPresent);
  if (pulls) {
    RETURN_IF_ERROR(Pull(job));
    return engine_.ImageId(reference).status();
  }
  if (found.ok()) return found;
  return FailedPrecondition(
      "image {} is not on the Docker host, and {} is Never: load it ({}) or choose another policy",
      reference, fields_.policy, fields_.tars);
}

Status ImageFetcher::Load(const std::string& tar) {
  const UniqueFd file(::open(tar.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "open");
  return transfers_
      .Load([&]() -> Result<std::string> {
        std::string piece(kPiece, '\0');
        ssize_t length = 0;
        do length = ::read(file.get(), piece.data(), piece.size());
        while (length < 0 && errno == EINTR);
        if (length < 0) return ErrnoStatus(errno, "read " + tar);
        piece.resize(static_cast<size_t>(length));
        return piece;
      })
      .status();
}

ImageFetcher::Logins ImageFetcher::LoginsFor(const Job& job, const image::Reference& what) {
  Logins logins;
  for (const PullSecret& secret : job.access.secrets) {
    const auto found = secret.trouble.ok() ? image::LoginsFor(secret.config, what) : secret.trouble;
    if (!found.ok()) logins.notes += fmt::format("; {}", found.status().message());
    for (const image::Credentials& credentials : found.value_or({}))
      logins.tried.push_back({credentials, secret.field});
  }
  if (logins.tried.empty() && logins.notes.empty() && !job.access.secrets.empty())
    logins.notes = fmt::format("; none of the Secrets for pulls has a login for {}", what.registry);
  const auto stored = image::StoredCredentials(environment_, what.registry);
  if (!stored.ok()) {  // it may not be needed
    LogWarn(kComponent, "{}: {}", what.ToString(), stored.status().message());
    logins.notes += fmt::format("; {}", stored.status().message());
  } else if (*stored) {
    logins.tried.push_back({**stored, "the operator's own login"});
  }
  if (logins.tried.empty()) logins.tried.push_back({std::nullopt, "no login"});
  return logins;
}

Status ImageFetcher::PullWith(const Login& login, const image::Reference& what, const Key& key) {
  LogInfo(kComponent, "pulls {} with {}", what.ToString(), login.source);
  SetMessage(key, "is pulled");
  return transfers_
      .Pull(what, login.credentials,
            [&](const image::LayerProgress& progress) {
              SetMessage(key, fmt::format("is pulled: {} of {}", FormatSize(progress.done_bytes),
                                          FormatSize(progress.total_bytes)));
            })
      .status();
}

Status ImageFetcher::Pull(const Job& job) {
  ASSIGN_OR_RETURN(const image::Reference what, image::ParseReference(job.container.image));
  const auto [logins, notes] = LoginsFor(job, what);
  Status pulled = Status::Ok();
  for (const Login& login : logins) {
    pulled = PullWith(login, what, job.key());
    if (pulled.ok() || cancelled_) return pulled;
    LogWarn(kComponent, "{} with {}: {}", what.ToString(), login.source, pulled.message());
  }
  const std::string tried = logins.size() == 1 ? logins.front().source
                                               : fmt::format("{}, the last of {} logins",
                                                             logins.back().source, logins.size());
  return Status(pulled.code(), fmt::format("{} (with {}{})", pulled.message(), tried, notes));
}

void ImageFetcher::SetMessage(const Key& key, std::string message) {
  MutexLock lock(mutex_);
  images_[key].message = std::move(message);
}

}  // namespace headpond::runtime

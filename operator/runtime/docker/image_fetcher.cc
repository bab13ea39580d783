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

// Why an image can't be had, as a condition's reason.
constexpr const char* kPullFailed = "ImagePullFailed";
constexpr const char* kNotPresent = "ImageNotPresent";

}  // namespace

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

void ImageFetcher::Fetch(const plan::Container& container) {
  MutexLock lock(mutex_);
  plan::ObservedImage& image = images_[container.image];
  if (image.state == ImageState::kFetching && image.changed_at_ms != 0) return;
  image.state = ImageState::kFetching;
  image.changed_at_ms = clock_.NowMs();
  image.message = "is looked for";
  queue_.push_back(container);
  wake_.NotifyAll();
}

std::map<std::string, plan::ObservedImage> ImageFetcher::images() const {
  MutexLock lock(mutex_);
  return images_;
}

void ImageFetcher::Forget(const std::string& image) {
  MutexLock lock(mutex_);
  images_.erase(image);
}

void ImageFetcher::Run() {
  while (true) {
    plan::Container next;
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

void ImageFetcher::Work(const plan::Container& container) {
  const Status obtained = Obtain(container);
  MutexLock lock(mutex_);
  plan::ObservedImage& image = images_[container.image];
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

Status ImageFetcher::Obtain(const plan::Container& container) {
  const std::string& reference = container.image;
  Status found = engine_.ImageId(reference).status();
  if (found.code() != Code::kNotFound && !found.ok()) return found;
  if (!found.ok()) {
    for (const std::string& tar : container.image_tars) {
      SetMessage(reference, "is loaded from " + tar);
      RETURN_IF_ERROR(Load(tar).WithContext(fields_.tars + ": " + tar));
    }
    if (!container.image_tars.empty()) found = engine_.ImageId(reference).status();
  }
  const bool pulls = container.pull_policy == api::PullPolicy::kAlways ||
                     (!found.ok() && container.pull_policy == api::PullPolicy::kIfNotPresent);
  if (pulls) {
    RETURN_IF_ERROR(Pull(reference));
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

Status ImageFetcher::Pull(const std::string& reference) {
  ASSIGN_OR_RETURN(const image::Reference parsed, image::ParseReference(reference));
  const auto stored = image::StoredCredentials(environment_, parsed.registry);
  // A login that can't be read may not be needed.
  if (!stored.ok()) LogWarn(kComponent, "{}: {}", reference, stored.status().message());
  LogInfo(kComponent, "pulls {}", reference);
  SetMessage(reference, "is pulled");
  const Status pulled =
      transfers_
          .Pull(parsed, stored.value_or(std::nullopt),
                [&](const image::LayerProgress& progress) {
                  SetMessage(reference,
                             fmt::format("is pulled: {} of {}", FormatSize(progress.done_bytes),
                                         FormatSize(progress.total_bytes)));
                })
          .status();
  if (pulled.ok() || stored.ok()) return pulled;
  return Status(pulled.code(), fmt::format("{} (without a login: {})", pulled.message(),
                                           stored.status().message()));
}

void ImageFetcher::SetMessage(const std::string& image, std::string message) {
  MutexLock lock(mutex_);
  images_[image].message = std::move(message);
}

}  // namespace headpond::runtime

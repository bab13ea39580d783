#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "image/engine.h"
#include "operator/plan/plan.h"
#include "operator/runtime/docker/engine.h"
#include "operator/runtime/pull_access.h"

namespace headpond::runtime {

// Sees to it that an engine has images: looks, loads archives, pulls. One after the other on a
// thread of its own, because a pull may take minutes. Thread safe.
class ImageFetcher {
 public:
  // `environment` leads to the docker command's logins. `changed` is called on the thread when the
  // state of an image changes (its progress is no change).
  // `fields` are where an image's policy and archives are said, for messages.
  struct Fields {
    std::string policy = "spec.imagePullPolicy";
    std::string tars = "spec.imageTars";
  };
  ImageFetcher(Endpoint endpoint, std::map<std::string, std::string> environment,
               const Clock& clock, std::function<void()> changed, Fields fields);
  ImageFetcher(Endpoint endpoint, std::map<std::string, std::string> environment,
               const Clock& clock, std::function<void()> changed)
      : ImageFetcher(std::move(endpoint), std::move(environment), clock, std::move(changed),
                     Fields()) {}
  ~ImageFetcher();

  // Begins with it, if that isn't under way. A pull tries the logins of `access` one after the
  // other, then the stored one, and without any only when there is none.
  void Fetch(const plan::Container& container, const PullAccess& access) EXCLUDES(mutex_);
  // What is known to those with this access, by reference.
  std::map<std::string, plan::ObservedImage> images(const PullAccess& access) const
      EXCLUDES(mutex_);
  // The engine was found not to have it.
  void Forget(const std::string& image) EXCLUDES(mutex_);

 private:
  using Key = std::pair<std::string, std::string>;  // of a PullAccess, and a reference
  struct Job {
    plan::Container container;
    PullAccess access;
    Key key() const { return {access.key, container.image}; }
  };
  struct Login;
  struct Logins;

  void Run();
  void Work(const Job& job);
  Status Obtain(const Job& job);
  Status Load(const std::string& tar);
  Status Pull(const Job& job);
  Logins LoginsFor(const Job& job, const image::Reference& what);
  Status PullWith(const Login& login, const image::Reference& what, const Key& key);
  void SetMessage(const Key& key, std::string message) EXCLUDES(mutex_);

  const std::map<std::string, std::string> environment_;
  const Fields fields_;
  std::atomic<bool> cancelled_ = false;
  Engine engine_;
  image::Engine transfers_;
  const Clock& clock_;
  const std::function<void()> changed_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<Job> queue_ GUARDED_BY(mutex_);
  std::map<Key, plan::ObservedImage> images_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace headpond::runtime

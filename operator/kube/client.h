#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "operator/kube/object_source.h"
#include "operator/kube/rest_config.h"

namespace headpond::kube {

// A kind as URLs name it: {"headpond.dev", "v1alpha1", "cacheclusters"}; the core group is "".
struct Resource {
  std::string group, version, plural;
};

// Field managers, and thus owners, of what is applied.
struct ApplyOptions {
  std::string field_manager;
  bool force = false;
  bool dry_run = false;  // the answer is what would be stored
};

// Calls of a Kubernetes API server. Thread safe: each thread's call has a connection of its own,
// and idle ones are kept.
//
// Errors: NotFound, AlreadyExists, Aborted (409: somebody else changed the object; read it again),
// InvalidArgument (400, 422), PermissionDenied, Unauthenticated, OutOfRange (410: list again),
// ResourceExhausted (429), Unavailable (no answer, 5xx), DeadlineExceeded. The text is the
// server's.
class Client {
 public:
  struct Options {
    std::string user_agent = "headpond-operator";
    std::chrono::milliseconds timeout{30'000};
    // Told of each answer's method and code; 0: there was none. From any thread.
    std::function<void(const std::string& method, int code)> answered = {};
  };
  Client(RestConfig config, const Clock& clock, Options options);
  Client(RestConfig config, const Clock& clock) : Client(std::move(config), clock, Options()) {}
  ~Client();

  const std::string& name_space() const { return config_.name_space; }
  // Closes the connections that no call uses, so that a server that ends need not wait for them.
  void CloseIdle() EXCLUDES(mutex_);

  Result<nlohmann::json> Get(const Resource& resource, const ObjectName& name);
  // `object` names its namespace and itself, or has generateName.
  Result<nlohmann::json> Create(const Resource& resource, const nlohmann::json& object);
  // With the resourceVersion of `object` as a precondition.
  Result<nlohmann::json> Update(const Resource& resource, const nlohmann::json& object);
  Result<nlohmann::json> JsonPatch(const Resource& resource, const ObjectName& name,
                                   const nlohmann::json& patch,
                                   const std::string& subresource = "");
  Result<nlohmann::json> MergePatch(const Resource& resource, const ObjectName& name,
                                    const nlohmann::json& patch);
  // Server-side apply.
  Result<nlohmann::json> Apply(const Resource& resource, const nlohmann::json& object,
                               const ApplyOptions& options, const std::string& subresource = "");
  // OK also when the object is there still, held by finalizers. `uid`: only this very object.
  Status Delete(const Resource& resource, const ObjectName& name, const std::string& uid = "");

  // All objects of one kind: of one namespace, or of all with "".
  Result<std::vector<Object>> List(const Resource& resource, const std::string& name_space,
                                   const std::string& label_selector = "");

  // Objects of one kind for a Reflector: of one namespace, or of all with "". Must not outlive the
  // client.
  std::unique_ptr<ObjectSource> Source(Resource resource, std::string name_space,
                                       std::string label_selector = "");

 private:
  class RemoteSource;

  // Any answer of the server.
  Result<http::ClientResponse> Send(const http::ClientRequest& request) EXCLUDES(mutex_);
  // Options::answered.
  void Tell(const http::ClientRequest& request, const Result<http::ClientResponse>& answer) const;
  Result<nlohmann::json> Ask(const std::string& method, const std::string& path,
                             const nlohmann::json& body, const std::string& content_type);
  Result<http::ClientRequest> MakeRequest(const std::string& method, const std::string& path)
      EXCLUDES(mutex_);
  Result<std::string> Token() EXCLUDES(mutex_);

  const RestConfig config_;
  const Clock& clock_;
  const Options options_;
  Mutex mutex_;
  std::vector<std::unique_ptr<http::Client>> idle_ GUARDED_BY(mutex_);
  std::string token_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point token_read_at_ GUARDED_BY(mutex_);
};

}  // namespace headpond::kube

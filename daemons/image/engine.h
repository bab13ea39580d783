#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/client.h"
#include "image/credentials.h"
#include "image/reference.h"

namespace headpond::image {

// An image that the Engine has. One without a name has no tags.
struct LocalImage {
  std::string id;                 // "sha256:..."
  std::vector<std::string> tags;  // "headpond/headpond:latest"
  int64_t size_bytes = 0;         // unpacked
  int64_t created_ms = 0;         // since the epoch
};

// How far a pull, push or load is: the sum over the layers known so far, so `total_bytes` grows.
struct LayerProgress {
  int64_t done_bytes = 0, total_bytes = 0;
};
using OnProgress = std::function<void(const LayerProgress&)>;

// Where the docker command would go (see FindDockerHost), as far as it is unix:// or tcp://;
// InvalidArgument for what else there is.
Result<http::Client::Options> EngineAddress(const std::map<std::string, std::string>& environment);

// The Engine's calls that concern images. Works with every version of its API, since 1.24. Not
// thread safe.
//
// Errors: those of http::Client, and with the Engine's own message InvalidArgument (400),
// Unauthenticated (401), PermissionDenied (403), NotFound (404), Aborted (409), else Unavailable.
class Engine {
 public:
  // `cancelled` is asked during each call, as by http::Client.
  explicit Engine(http::Client::Options address, std::function<bool()> cancelled = nullptr)
      : client_(std::move(address)), cancelled_(std::move(cancelled)) {}

  Result<std::vector<LocalImage>> List();
  // Gives the local image `from` one more name.
  Status Tag(const std::string& from, const Reference& to);
  // Both return the digest, "" when the Engine didn't tell.
  Result<std::string> Push(const Reference& what, const std::optional<Credentials>& credentials,
                           const OnProgress& on_progress);
  Result<std::string> Pull(const Reference& what, const std::optional<Credentials>& credentials,
                           const OnProgress& on_progress);
  // A tar archive of images with their names. The Engine doesn't tell how long it will be.
  Status Save(const std::vector<std::string>& names,
              const std::function<Status(std::string_view piece)>& sink);
  // `source` as of http::ClientRequest. Returns what the Engine says it has loaded, a line each.
  Result<std::vector<std::string>> Load(const std::function<Result<std::string>()>& source);

 private:
  Result<http::ClientResponse> Call(http::ClientRequest request);

  http::Client client_;
  const std::function<bool()> cancelled_;
};

// Reads the stream of JSON lines with which the Engine tells what it does.
class ProgressStream {
 public:
  explicit ProgressStream(OnProgress on_progress) : on_progress_(std::move(on_progress)) {}

  // Takes bytes as they come. DataLoss when they are no such lines.
  Status Take(std::string_view piece);
  // At the end, once: the error that the Engine reported, if any.
  Status Finish();

  const std::string& digest() const { return digest_; }
  const std::vector<std::string>& said() const { return said_; }

 private:
  Status TakeLine(const std::string& line);
  void TakeProgress(const std::string& layer, const std::string& status, int64_t current,
                    int64_t total);

  const OnProgress on_progress_;
  std::string rest_;  // of a line that has not ended yet
  std::map<std::string, LayerProgress> layers_;
  LayerProgress sum_;
  std::string digest_;
  std::string error_;
  std::vector<std::string> said_;
};

}  // namespace headpond::image

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/result.h"
#include "cli/sink.h"
#include "client/file_system.h"

namespace headpond::cli {

// Where a command runs: its streams, environment and time, injected so that tests own them.
struct Host {
  Sink& out;
  Sink& err;
  std::map<std::string, std::string> environment;
  const Clock& clock = Clock::System();
};

// One run of a shell: configuration and the connection that its commands share. Not thread safe.
class Session {
 public:
  // `arguments` holds the -Dkey=value words. Errors: InvalidArgument from Config::Load.
  static Result<std::unique_ptr<Session>> Open(Host& host,
                                               const std::vector<std::string>& arguments);

  Sink& out() { return host_.out; }
  Sink& err() { return host_.err; }
  const Clock& clock() const { return host_.clock; }
  const std::map<std::string, std::string>& environment() const { return host_.environment; }

  // Ours before the first call of fs(), with the cluster's defaults after it.
  const Config& config() const;
  // To be changed before the first call of fs().
  Config& mutable_config() { return config_; }
  // Connects at the first call.
  Result<client::FileSystem*> fs();

  // A time as listings show it: alluxio.user.date.format.pattern, local zone.
  std::string Date(int64_t time_ms) const;

 private:
  Session(Host& host, Config config) : host_(host), config_(std::move(config)) {}

  Host& host_;
  Config config_;
  std::unique_ptr<client::FileSystem> fs_;
};

}  // namespace headpond::cli

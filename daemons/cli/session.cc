#include "cli/session.h"

#include "cli/format.h"

namespace headpond::cli {
namespace {

// 2.9's shells give up on an absent master sooner than its other clients (compat/messages.md).
constexpr std::string_view kShellRetry = "5sec";
// Of several masters another one leads soon, but says nothing of blocks for up to
// alluxio.master.worker.connect.wait.time, 5 s.
constexpr std::string_view kRetryAmongMasters = "20sec";
constexpr std::string_view kRetryKey = "alluxio.user.rpc.retry.max.duration";

bool HasSeveralMasters(const Config& config) {
  if (config.GetBool("alluxio.zookeeper.enabled")) return true;
  for (const char* key :
       {"alluxio.master.rpc.addresses", "alluxio.master.embedded.journal.addresses"})
    if (config.IsSet(key) && config.GetList(key).size() > 1) return true;
  return false;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::Open(Host& host,
                                               const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(
      Config config,
      Config::Load({.role = "user", .environment = host.environment, .arguments = arguments}));
  if (!config.IsSet(kRetryKey))
    RETURN_IF_ERROR(config.Set(
        kRetryKey, HasSeveralMasters(config) ? kRetryAmongMasters : kShellRetry, Source::kRuntime));
  for (const std::string& warning : config.warnings()) host.err.Line("warning: {}", warning);
  return std::unique_ptr<Session>(new Session(host, std::move(config)));
}

const Config& Session::config() const {
  return fs_ ? fs_->config() : config_;
}

Result<client::FileSystem*> Session::fs() {
  if (!fs_) {
    client::FileSystem::Options options;
    options.clock = &host_.clock;
    ASSIGN_OR_RETURN(fs_, client::FileSystem::Connect(config_, options));
  }
  return fs_.get();
}

std::string Session::Date(int64_t time_ms) const {
  return FormatDate(config().GetString("alluxio.user.date.format.pattern"), time_ms);
}

}  // namespace headpond::cli

#include "net/grpc_setup.h"

#include <absl/synchronization/mutex.h>
#include <grpc/support/log.h>

#include <string_view>

#include "base/log.h"

namespace headpond::net {
namespace {

void ToOurLog(gpr_log_func_args* line) {
  const LogLevel level =
      line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarn : LogLevel::kDebug;
  if (!LogEnabled(level)) return;
  std::string_view file(line->file);
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 == 0
  LogLine(level, "grpc", fmt::format("{} ({}:{})", line->message, file, line->line));
}

}  // namespace

void SetUpGrpc() {
  gpr_set_log_function(ToOurLog);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace headpond::net

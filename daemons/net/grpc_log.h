#pragma once

namespace headpond::net {

// Sends what gRPC itself logs to the process's log, as component "grpc", instead of raw lines on
// stderr: its errors as warnings, since whoever made the failing call reports the error, and the
// rest at debug level. For a binary's entry point, before anything else uses gRPC.
void RedirectGrpcLog();

}  // namespace headpond::net

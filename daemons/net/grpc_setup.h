#pragma once

namespace headpond::net {

// For a binary's entry point, before anything else uses gRPC.
//
// - Sends what gRPC itself logs to the process's log, as component "grpc", instead of raw lines on
//   stderr: its errors as warnings, since whoever made the failing call reports the error, and the
//   rest at debug level.
// - Turns off the search for lock cycles that Debian's build of abseil does at each lock of gRPC's:
//   a graph behind one global spin lock (measured: 32 -> 26 us of server CPU per getStatus).
void SetUpGrpc();

}  // namespace headpond::net

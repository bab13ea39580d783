#pragma once

#include <functional>

#include "base/status.h"

namespace grpc {
class CallbackServerContext;
}
namespace headpond::net {

// What ends the call of `context` at once and tells its client `status`. A reactor's Finish waits
// behind the messages that the client has not taken yet; this does not: they are dropped, pending
// reads and writes fail, OnCancel runs, and the reactor must still call Finish. Once the call is
// over it does nothing.
//
// The result may be called from any thread and at any time, also after the context is gone. It may
// run the call's reactions before it returns, so hold no lock that they take.
using CallAborter = std::function<void(const Status& status)>;
CallAborter AborterOf(::grpc::CallbackServerContext& context);

}  // namespace headpond::net

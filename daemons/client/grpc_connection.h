#pragma once

#include <memory>

#include "client/connection.h"
#include "net/channel.h"

namespace headpond::client {

// A connection over an authenticated channel. Does no I/O: the first call connects and
// authenticates.
std::shared_ptr<Connection> MakeConnection(const net::ChannelOptions& options);

}  // namespace headpond::client

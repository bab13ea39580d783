#pragma once

#include <string>

namespace headpond {

// Who listens on TCP `port`: "process 1234 (java)", for the error of a server that can't have it.
// "" when nobody does or the holder can't be seen: another user's process, or another container's.
// `proc` is the mount point of procfs.
std::string DescribePortHolder(int port, const std::string& proc = "/proc");

}  // namespace headpond

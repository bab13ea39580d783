#include "base/port_holder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

namespace headpond {
namespace {

namespace fs = std::filesystem;

// Adds the inodes of the sockets listening on `port` in a table like /proc/net/tcp, whose lines are
//   sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
// with the port in hex behind the last ':' of local_address and 0A for LISTEN.
void CollectListeners(const std::string& path, int port, std::set<std::string>& inodes) {
  std::ifstream table(path);
  std::string line;
  std::getline(table, line);  // headings
  const std::string port_hex = fmt::format(":{:04X}", port);
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
        timeout >> inode;
    if (state == "0A" && local.ends_with(port_hex)) inodes.insert(inode);
  }
}

bool HoldsOneOf(const fs::path& process, const std::set<std::string>& inodes) {
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end;
       fd.increment(error)) {
    std::error_code unreadable;
    const std::string target = fs::read_symlink(fd->path(), unreadable).string();
    constexpr std::string_view kPrefix = "socket:[";
    if (unreadable || !target.starts_with(kPrefix) || !target.ends_with(']')) continue;
    const size_t length = target.size() - kPrefix.size() - 1;
    if (inodes.contains(target.substr(kPrefix.size(), length))) return true;
  }
  return false;
}

}  // namespace

std::string DescribePortHolder(int port, const std::string& proc) {
  std::set<std::string> inodes;
  CollectListeners(proc + "/net/tcp", port, inodes);
  CollectListeners(proc + "/net/tcp6", port, inodes);
  if (inodes.empty()) return "";
  std::error_code error;
  for (fs::directory_iterator process(proc, error), end; !error && process != end;
       process.increment(error)) {
    const std::string pid = process->path().filename().string();
    if (!std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c); })) {
      continue;
    }
    if (!HoldsOneOf(process->path(), inodes)) continue;
    std::string name;
    std::getline(std::ifstream(process->path() / "comm"), name);
    return fmt::format("process {} ({})", pid, name);
  }
  return "";
}

}  // namespace headpond

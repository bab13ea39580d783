#include "base/port_holder.h"

#include <fmt/core.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace headpond {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListenState = "0A";  // TCP_LISTEN, proc(5) net/tcp

// Inodes of the sockets that listen on `port`, from one of /proc/net/tcp and tcp6.
void CollectListeners(const char* table, int port, std::set<std::string>& inodes) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // header
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
    const size_t colon = local.rfind(':');
    if (state != kListenState || colon == std::string::npos) continue;
    int local_port = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), local_port, 16);
    if (local_port == port) inodes.insert(inode);
  }
}

bool HoldsOneOf(const fs::path& process, const std::set<std::string>& inodes) {
  std::error_code error;
  for (const auto& fd : fs::directory_iterator(process / "fd", error)) {
    const std::string target = fs::read_symlink(fd.path(), error).string();
    if (target.starts_with("socket:[") && inodes.contains(target.substr(8, target.size() - 9))) return true;
  }
  return false;
}

}  // namespace

std::string DescribePortHolder(int port) {
  std::set<std::string> inodes;
  CollectListeners("/proc/net/tcp", port, inodes);
  CollectListeners("/proc/net/tcp6", port, inodes);
  if (inodes.empty()) return "";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos || !HoldsOneOf(entry.path(), inodes)) continue;
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    return fmt::format("held by pid {} ({})", pid, name);
  }
  return "held by another user's process";
}

}  // namespace headpond

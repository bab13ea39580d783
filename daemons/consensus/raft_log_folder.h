#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "consensus/types.h"
#include "io/env.h"

namespace headpond::consensus {

// The folder of one node's durable state:
//   NODE             the stamp, as text: format version, cluster id, this node's id and address,
//                    and the founders of the cluster
//   LOCK             held by the process that uses the folder
//   <number>.raft    the log, from the frame of that number (20 digits)
//   *.tmp            not finished when a process died; removed at the next start
// The owner of the node keeps its snapshots beside them.
inline constexpr char kNodeStampName[] = "NODE";
inline constexpr char kNodeLockName[] = "LOCK";
inline constexpr char kRaftLogSuffix[] = ".raft";

// Whose a folder is. A node's id is never reused: what it once promised to vote for binds it for
// good.
struct NodeIdentity {
  std::string cluster_id;  // 1 to 64 bytes without line breaks
  uint64_t node_id = 0;    // not 0
  std::string address;     // "host:port", by which the others know it

  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

std::string RaftLogPath(const std::string& folder, uint64_t first_frame);

struct RaftFolderFiles {
  std::vector<uint64_t> logs;  // by first frame, ascending
  std::vector<std::string> temporaries;
  std::vector<std::string> others;  // the owner's, or somebody else's
  bool stamped = false;
};

// Errors: NotFound when there is no such folder.
Result<RaftFolderFiles> ListRaftFolder(io::Env& env, const std::string& folder);

// The id of the node whose folder this will be: made once, of `random`, and durable from then on,
// so that others may count on it before the folder is formatted. Another address gets another id.
// Errors: as FormatRaftFolder.
Result<uint64_t> ReserveNodeId(io::Env& env, const std::string& folder, const std::string& address,
                               Random& random);

// Makes an empty or absent folder the node's, with an empty log after `initial`: a new cluster's
// nodes all begin with the same one, which names them all, a node that joins later with {0, 0,
// nobody}. `prepare` adds
// the owner's files before the folder counts as formatted. A format that was interrupted is begun
// anew.
// Errors: FailedPrecondition, naming a file, when the folder is not empty; InvalidArgument for an
// identity that makes no sense; Unavailable while another process uses the folder.
Status FormatRaftFolder(io::Env& env, const std::string& folder, const NodeIdentity& identity,
                        const SnapshotMeta& initial, uint64_t salt,
                        const std::function<Status()>& prepare);

// True when the folder is absent, or has nothing in it that FormatRaftFolder would refuse.
Result<bool> IsBlankRaftFolder(io::Env& env, const std::string& folder);

// Errors: FailedPrecondition with the remedy when the folder is not formatted or of another
// version; DataLoss when the stamp can't be read as one.
Result<NodeIdentity> ReadNodeStamp(io::Env& env, const std::string& folder);
// The cluster's first members, as they were given when the folder was formatted; empty for a node
// that joined later. Errors: as ReadNodeStamp.
Result<Addresses> ReadFounders(io::Env& env, const std::string& folder);
// Also: FailedPrecondition when the folder is another node's, naming what differs.
Status CheckNodeStamp(io::Env& env, const std::string& folder, const NodeIdentity& expected);

}  // namespace headpond::consensus

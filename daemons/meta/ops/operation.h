#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "meta/file_info.h"
#include "meta/mutation.h"
#include "meta/namespace.h"

// What all operations share. A service method (master/) does, for a change:
//
//   1. under the shared lock: plan. A failed plan is the answer. Its under-store work, if any, is
//   known now.
//   2. if there is under-store work: PathLocks::Acquire, plan again, do the work with no lock held.
//   3. under the exclusive lock: Journal::CheckWritable, plan again, Append(EncodeMutation), Apply.
//   4. answer when the entry is durable. An empty mutation needs no entry.
//
// Planning is cheap (microseconds) and has no side effect, so planning again is how a caller finds
// out whether anything changed in between.
namespace headpond::meta {

// Who asks, when, and under which name. Paths of requests are canonical (NormalizePath).
struct OperationContext {
  Caller caller;
  int64_t now_ms = 0;  // the master's clock, so that replay is exact
  OperationId operation_id;
};

// What an under-store says of a path; ufs/ has the same in its own words. `fingerprint` is the full
// text
// ("TYPE|FILE UFS|local ...").
struct UfsEntry {
  std::string name;
  bool is_directory = false;
  int64_t length = 0;
  int64_t modification_ms = 0;
  std::string owner;
  std::string group;
  uint16_t mode = 0;
  std::string fingerprint;
};

// Under-store work of a plan, in the order in which it must be done, before the mutation is
// applied.
struct UfsMakeDirectory {  // create it (OK when it exists already), with this owner and mode
  UfsLocation location;
  std::string path;
  std::string owner;
  std::string group;
  uint16_t mode = 0;
};
struct UfsRename {
  UfsLocation from;
  UfsLocation to;
  bool is_directory = false;
};
struct UfsDelete {
  InodeId id = kNoInode;
  std::string path;
  UfsLocation location;
  bool is_directory = false;
  bool recursive = false;  // delete all below it, known to the namespace or not
};
struct UfsSetAttributes {
  std::string path;
  UfsLocation location;
  std::string owner;  // "" = leave
  std::string group;
  std::optional<uint16_t> mode;
};

}  // namespace headpond::meta

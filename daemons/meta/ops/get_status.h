#pragma once

#include <string>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct GetStatusRequest {
  Caller caller;
  std::string path;
  Bits access = kNone;  // GetStatusPOptions.accessMode: checked as well, for open
};

struct StatusReply {
  FileInfo info;
  bool found = false;
  // Not found here, but the under-store may have it (PathWalk::may_exist_in_ufs): load and ask
  // again.
  bool may_exist_in_ufs = false;
  Status missing;  // when !found: what to answer if loading does not help
};

// Errors: PermissionDenied. A missing path is a reply, not an error, because the caller may want to
// load it.
Result<StatusReply> GetStatus(const Namespace& ns, const GetStatusRequest& request);

struct ExistsReply {
  bool found = false;
  bool may_exist_in_ufs = false;
};
Result<ExistsReply> Exists(const Namespace& ns, const Caller& caller, const std::string& path);

// FileSystemMasterWorkerService/GetFileInfo. NotFound.
Result<FileInfo> GetFileInfoById(const Namespace& ns, InodeId id);

}  // namespace headpond::meta

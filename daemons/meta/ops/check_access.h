#pragma once

#include <string>

#include "base/result.h"
#include "meta/namespace.h"

namespace headpond::meta {

// CheckAccess: NotFound, or PermissionDenied when `caller` lacks one of `bits` on the path.
Status CheckPathAccess(const Namespace& ns, const Caller& caller, const std::string& path,
                       Bits bits);

// Whether changes are allowed at `path`: PermissionDenied with stock's text under a read-only
// mount, FailedPrecondition when its under-store is in maintenance.
Status CheckWritable(const Namespace& ns, const std::string& path);

}  // namespace headpond::meta

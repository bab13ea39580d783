#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/types.h"

namespace headpond::cli {

// Parses "user:alice:rwx,default:group::r-x,mask::r--,other::---"; without permissions (for -x)
// "user:alice,mask". Errors: InvalidArgument with 2.9's texts ("Unexpected acl components:
// garbage", "Invalid mode string: rwz").
Result<std::vector<client::AclEntry>> ParseAclEntries(std::string_view text, bool with_permissions);

}  // namespace headpond::cli

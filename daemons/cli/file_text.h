#pragma once

#include <string>

#include "cli/document.h"
#include "client/types.h"

namespace headpond::cli {

// File metadata as `stat` of 2.9 prints it (Java's toString) and as JSON or YAML with the field
// names of the REST API.

std::string ToText(const WorkerAddress& worker);
std::string ToText(const client::BlockInfo& block);
// "URIStatus{info=FileInfo{...}, cacheContext=null}".
std::string StatusText(const client::FileInfo& info);
// "user::rw-,group::r--,...": entries in 2.9's order (owner, owning group, other, named users,
// named groups, mask).
std::vector<std::string> AclTexts(const client::Acl& acl);

// The path's ACL; for one without an extended ACL, what its mode amounts to.
client::Acl EffectiveAcl(const client::FileInfo& info);

Document ToDocument(const client::FileInfo& info);
Document ToDocument(const client::BlockInfo& block);
Document ToDocument(const WorkerAddress& worker);

}  // namespace headpond::cli

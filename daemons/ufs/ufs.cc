#include "ufs/ufs.h"

#include "ufs/contained_tree.h"
#include "ufs/local_ufs.h"

namespace headpond::ufs {

Result<std::unique_ptr<Ufs>> OpenUfs(const std::string& uri,
                                     const std::map<std::string, std::string>& properties) {
  const size_t scheme_end = uri.find(':');
  const bool has_scheme = scheme_end != std::string::npos && uri.find('/') > scheme_end;
  const std::string scheme = has_scheme ? uri.substr(0, scheme_end) : "file";
  if (scheme != "file") {
    return InvalidArgument(
        "under-store {}: scheme {} is not built in; known: file (or a plain absolute path)", uri,
        scheme);
  }
  ASSIGN_OR_RETURN(std::string root, LocalPathOf(uri));
  ASSIGN_OR_RETURN(const LocalUfsOptions options, LocalUfsOptions::FromProperties(properties));
  return std::unique_ptr<Ufs>(
      std::make_unique<LocalUfs>(std::move(root), options, Clock::System()));
}

}  // namespace headpond::ufs

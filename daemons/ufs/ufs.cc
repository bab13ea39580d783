#include "ufs/ufs.h"

#include "ufs/contained_tree.h"
#include "ufs/local_ufs.h"

namespace headpond::ufs {

namespace {

std::string_view SchemeOf(std::string_view uri) {
  const size_t scheme_end = uri.find(':');
  const bool has_scheme = scheme_end != std::string::npos && uri.find('/') > scheme_end;
  return has_scheme ? uri.substr(0, scheme_end) : "file";
}

}  // namespace

std::string_view TypeOf(std::string_view uri) {
  const std::string_view scheme = SchemeOf(uri);
  return scheme == "file" ? "local" : scheme;
}

Result<std::unique_ptr<Ufs>> OpenUfs(const std::string& uri,
                                     const std::map<std::string, std::string>& properties) {
  const std::string_view scheme = SchemeOf(uri);
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

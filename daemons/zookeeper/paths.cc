#include "zookeeper/session.h"

namespace headpond::zookeeper {

Status CreatePath(Session& session, const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const auto created = session.Create(path.substr(0, end), "", NodeKind::kPersistent);
    if (!created.ok() && created.status().code() != Code::kAlreadyExists) return created.status();
    if (end == std::string::npos) return Status::Ok();
  }
}

}  // namespace headpond::zookeeper

#include "io/remove_folder.h"

namespace headpond::io {

Status RemoveFolder(Env& env, const std::string& folder) {
  const auto names = env.List(folder);
  if (names.status().code() == Code::kNotFound) return Status::Ok();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) RETURN_IF_ERROR(env.Remove(folder + "/" + name));
  return env.Remove(folder);
}

}  // namespace headpond::io

#include "operator/kube/secret.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace headpond::kube {
namespace {

using nlohmann::json;

const Resource kSecrets{"", "v1", "secrets"};

}  // namespace

Result<std::map<std::string, std::string>> ReadSecret(Client& client, const std::string& name_space,
                                                      const std::string& name) {
  ASSIGN_OR_RETURN(const json secret, client.Get(kSecrets, {name_space, name}));
  std::map<std::string, std::string> out;
  const auto data = secret.find("data");
  if (data == secret.end() || !data->is_object()) return out;
  for (const auto& [key, value] : data->items()) {
    const auto decoded =
        value.is_string() ? DecodeBase64(value.get_ref<const std::string&>()) : std::nullopt;
    if (!decoded) return Status(Code::kDataLoss, fmt::format("data[{}] is not base64", key));
    out[key] = *decoded;
  }
  return out;
}

}  // namespace headpond::kube

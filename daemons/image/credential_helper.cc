#include "image/credential_helper.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/run_program.h"

namespace headpond::image {
namespace {

using Environment = std::map<std::string, std::string>;
using nlohmann::json;

constexpr size_t kMaxSaidBytes = 300;  // of a failure, in an error's message
// How every helper says that it keeps nothing for a server.
constexpr std::string_view kNothingKept = "credentials not found";
constexpr std::string_view kTokenUser = "<token>";

std::string FindProgram(const Environment& environment, const std::string& name) {
  const auto path = environment.find("PATH");
  std::string_view rest = path == environment.end() ? std::string_view() : path->second;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const std::string program = fmt::format("{}/{}", folder, name);
    if (folder.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

std::string StringAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<std::optional<Credentials>> AskCredentialHelper(const Environment& environment,
                                                       const std::string& helper,
                                                       const std::string& server,
                                                       std::chrono::milliseconds deadline) {
  const std::string name = "docker-credential-" + helper;
  if (helper.empty() || helper.find('/') != std::string::npos)
    return InvalidArgument("\"{}\" is no name of a credential helper", helper);
  const std::string program = FindProgram(environment, name);
  if (program.empty()) return NotFound("{} is not in PATH", name);
  const auto outcome = RunProgram({.program = program,
                                   .arguments = {"get"},
                                   .environment = environment,
                                   .input = server,
                                   .deadline = deadline});
  if (!outcome.ok()) return outcome.status().WithContext(name);
  const std::string& answer = outcome->output;
  if (answer.find(kNothingKept) != std::string::npos) return std::optional<Credentials>();
  if (!outcome->succeeded)
    return FailedPrecondition("{} failed: {}", name, answer.substr(0, kMaxSaidBytes));
  const json kept = json::parse(answer, nullptr, /*allow_exceptions=*/false);
  const std::string user = kept.is_object() ? StringAt(kept, "Username") : "";
  const std::string secret = kept.is_object() ? StringAt(kept, "Secret") : "";
  // What it said may be a secret, so it is not repeated.
  if (secret.empty()) return DataLoss("{} gives an answer that can't be read", name);
  if (user == kTokenUser) return std::optional(Credentials{.identity_token = secret});
  return std::optional(Credentials{.user = user, .password = secret});
}

}  // namespace headpond::image

#include "operator/runtime/docker/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/runtime/docker/output_frames.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// What a busy engine may need to set up a container's network and mounts.
constexpr milliseconds kSlowCall(30'000);
constexpr size_t kLastOutputBytes = 16 << 10;
constexpr size_t kShownOutputBytes = 400;

Status Unreadable(const std::string& what) {
  return Status(Code::kDataLoss, fmt::format("the engine's answer to {} can't be read", what));
}

// Fields of objects from outside: absent, null and ill-typed ones read as the empty value.
const json& Field(const json& object, const char* name) {
  static const json null;
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}
std::string Text(const json& object, const char* name) {
  const json& value = Field(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}
int64_t Number(const json& object, const char* name) {
  const json& value = Field(object, name);
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}
Labels ReadLabels(const json& object) {
  Labels labels;
  if (const json& found = Field(object, "Labels"); found.is_object())
    for (const auto& [key, value] : found.items())
      if (value.is_string()) labels[key] = value.get<std::string>();
  return labels;
}

std::string WithoutSlash(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

// Without a terminal, output comes in frames: stream, three zero bytes, a big-endian length.
std::string JoinFrames(std::string_view bytes) {
  constexpr size_t kHeader = 8;
  std::string text;
  while (bytes.size() > kHeader) {
    const auto at = [&](size_t i) {
      return static_cast<size_t>(static_cast<unsigned char>(bytes[i]));
    };
    if (at(0) > 2) return std::string(bytes);  // a terminal's output is not framed
    const size_t length = at(4) << 24 | at(5) << 16 | at(6) << 8 | at(7);
    bytes.remove_prefix(kHeader);
    text += bytes.substr(0, length);
    bytes.remove_prefix(std::min(length, bytes.size()));
  }
  return text;
}

std::string LastLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  if (const size_t start = text.rfind('\n'); start != std::string::npos) text.erase(0, start + 1);
  if (text.size() > kShownOutputBytes) text.erase(0, text.size() - kShownOutputBytes);
  return text;
}

Result<ResourceInfo> ReadResource(const json& object, const char* id_field) {
  ResourceInfo info{Text(object, id_field), Text(object, "Name"), ReadLabels(object)};
  if (info.id.empty() || info.name.empty()) return Unreadable("a look at volumes or networks");
  return info;
}

Result<std::vector<ResourceInfo>> ReadResources(const json& list, const char* id_field) {
  std::vector<ResourceInfo> resources;
  if (list.is_null()) return resources;  // how the engine writes an empty list of volumes
  if (!list.is_array()) return Unreadable("a list of volumes or networks");
  for (const json& item : list) {
    ASSIGN_OR_RETURN(ResourceInfo info, ReadResource(item, id_field));
    resources.push_back(std::move(info));
  }
  return resources;
}

}  // namespace

std::string LabelFilter(const std::vector<std::string>& labels) {
  return json{{"label", labels}}.dump();
}

int64_t ParseEngineTime(std::string_view text) {
  return std::max<int64_t>(ParseRfc3339Ms(text), 0);
}

Result<json> Engine::GetJson(EngineCall call) {
  ASSIGN_OR_RETURN(const EngineReply reply, client_.Do(call));
  json parsed = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return Unreadable(call.path);
  return parsed;
}

Result<ContainerInfo> Engine::Inspect(const std::string& id_or_name) {
  ASSIGN_OR_RETURN(
      const json found,
      GetJson({.path = fmt::format("/containers/{}/json", http::PercentEncode(id_or_name))}));
  const json& state = Field(found, "State");
  const json& config = Field(found, "Config");
  ContainerInfo info{.id = Text(found, "Id"),
                     .name = WithoutSlash(Text(found, "Name")),
                     .labels = ReadLabels(config),
                     .status = Text(state, "Status"),
                     .pid = static_cast<int>(Number(state, "Pid")),
                     .exit_code = static_cast<int>(Number(state, "ExitCode")),
                     .out_of_memory = Field(state, "OOMKilled") == true,
                     .error = Text(state, "Error"),
                     .started_at_ms = ParseEngineTime(Text(state, "StartedAt")),
                     .finished_at_ms = ParseEngineTime(Text(state, "FinishedAt")),
                     .memory_bytes = Number(Field(found, "HostConfig"), "Memory"),
                     .nano_cpus = Number(Field(found, "HostConfig"), "NanoCpus"),
                     .stop_timeout_s = static_cast<int>(Number(config, "StopTimeout"))};
  if (info.id.empty() || info.name.empty() || info.status.empty())
    return Unreadable("an inspection of container " + id_or_name);
  const json& networks = Field(Field(found, "NetworkSettings"), "Networks");
  if (networks.is_object())
    for (const auto& [name, network] : networks.items())
      info.addresses[name] = Text(network, "IPAddress");
  return info;
}

Result<std::vector<ContainerInfo>> Engine::ListContainers(const std::vector<std::string>& labels) {
  ASSIGN_OR_RETURN(const json list,
                   GetJson({.path = "/containers/json",
                            .query = {{"all", "1"}, {"filters", LabelFilter(labels)}}}));
  if (!list.is_array()) return Unreadable("a list of containers");
  std::vector<ContainerInfo> containers;
  for (const json& item : list) {
    const std::string id = Text(item, "Id");
    if (id.empty()) return Unreadable("a list of containers");
    auto info = Inspect(id);
    if (info.ok())
      containers.push_back(*std::move(info));
    else if (info.status().code() != Code::kNotFound)  // removed meanwhile
      return info.status();
  }
  std::ranges::sort(containers, {}, &ContainerInfo::name);
  return containers;
}

Result<ContainerInfo> Engine::InspectByName(const std::string& name) {
  ASSIGN_OR_RETURN(ContainerInfo info, Inspect(name));
  // The start of another container's id would have been found, too.
  if (info.name != name) return NotFound("no container is called {}", name);
  return info;
}

Result<std::string> Engine::CreateContainer(const std::string& name, const json& body) {
  ASSIGN_OR_RETURN(const json created, GetJson({.method = "POST",
                                                .path = "/containers/create",
                                                .query = {{"name", name}},
                                                .body = body.dump(),
                                                .timeout = kSlowCall}));
  std::string id = Text(created, "Id");
  if (id.empty()) return Unreadable("the creation of " + name);
  return id;
}

Status Engine::StartContainer(const std::string& id) {
  return client_
      .Do({.method = "POST",
           .path = fmt::format("/containers/{}/start", http::PercentEncode(id)),
           .timeout = kSlowCall})
      .status();
}

Status Engine::Kill(const std::string& id, const char* signal) {
  return client_
      .Do({.method = "POST",
           .path = fmt::format("/containers/{}/kill", http::PercentEncode(id)),
           .query = {{"signal", signal}}})
      .status();
}

Status Engine::Unpause(const std::string& id) {
  return client_
      .Do({.method = "POST",
           .path = fmt::format("/containers/{}/unpause", http::PercentEncode(id))})
      .status();
}

Status Engine::Update(const std::string& id, const json& body) {
  return client_
      .Do({.method = "POST",
           .path = fmt::format("/containers/{}/update", http::PercentEncode(id)),
           .body = body.dump()})
      .status();
}

Status Engine::Rename(const std::string& id, const std::string& name) {
  return client_
      .Do({.method = "POST",
           .path = fmt::format("/containers/{}/rename", http::PercentEncode(id)),
           .query = {{"name", name}}})
      .status();
}

Status Engine::RemoveContainer(const std::string& id) {
  const Status removed = client_
                             .Do({.method = "DELETE",
                                  .path = "/containers/" + http::PercentEncode(id),
                                  .query = {{"v", "1"}},
                                  .timeout = kSlowCall})
                             .status();
  return removed.code() == Code::kNotFound ? Status::Ok() : removed;
}

Status Engine::ReadOutput(const std::string& id, const OutputOptions& options,
                          const std::function<bool(bool is_error, std::string_view text)>& sink) {
  bool wanted = true;
  OutputFrames frames(
      [&](bool is_error, std::string_view text) { wanted = wanted && sink(is_error, text); });
  EngineCall call{.path = fmt::format("/containers/{}/logs", http::PercentEncode(id)),
                  .query = {{"stdout", "1"}, {"stderr", "1"}},
                  .on_data = [&](std::string_view piece) {
                    frames.Feed(piece);
                    return wanted;
                  }};
  if (options.tail_lines >= 0) call.query.emplace_back("tail", std::to_string(options.tail_lines));
  if (options.follow) {
    call.query.emplace_back("follow", "1");
    call.timeout = milliseconds(0);
  }
  return client_.Do(call).status();
}

Result<std::string> Engine::LastOutput(const std::string& id) {
  std::string frames;
  RETURN_IF_ERROR(client_
                      .Do({.path = fmt::format("/containers/{}/logs", http::PercentEncode(id)),
                           .query = {{"stdout", "1"}, {"stderr", "1"}, {"tail", "1"}},
                           .on_data =
                               [&](std::string_view piece) {
                                 frames += piece.substr(0, kLastOutputBytes - frames.size());
                                 return frames.size() < kLastOutputBytes;
                               }})
                      .status());
  return LastLine(JoinFrames(frames));
}

Status Engine::PutArchive(const std::string& id, const std::string& path, std::string tar) {
  return client_
      .Do({.method = "PUT",
           .path = fmt::format("/containers/{}/archive", http::PercentEncode(id)),
           .query = {{"path", path}},
           .body = std::move(tar),
           .content_type = "application/x-tar",
           .timeout = kSlowCall})
      .status();
}

Result<std::string> Engine::GetArchive(const std::string& id, const std::string& path,
                                       size_t limit) {
  std::string tar;
  RETURN_IF_ERROR(client_
                      .Do({.path = fmt::format("/containers/{}/archive", http::PercentEncode(id)),
                           .query = {{"path", path}},
                           .on_data =
                               [&](std::string_view piece) {
                                 tar += piece.substr(0, limit - tar.size());
                                 return tar.size() < limit;
                               }})
                      .status());
  return tar;
}

Result<ResourceInfo> Engine::InspectVolume(const std::string& name) {
  ASSIGN_OR_RETURN(const json found, GetJson({.path = "/volumes/" + http::PercentEncode(name)}));
  return ReadResource(found, "Name");
}

Status Engine::CreateVolume(const std::string& name, const Labels& labels) {
  const json body = {{"Name", name}, {"Labels", labels}};
  return client_.Do({.method = "POST", .path = "/volumes/create", .body = body.dump()}).status();
}

Status Engine::RemoveVolume(const std::string& name) {
  const Status removed = client_
                             .Do({.method = "DELETE",
                                  .path = "/volumes/" + http::PercentEncode(name),
                                  .timeout = kSlowCall})
                             .status();
  return removed.code() == Code::kNotFound ? Status::Ok() : removed;
}

Result<std::vector<ResourceInfo>> Engine::ListVolumes(const std::vector<std::string>& labels) {
  ASSIGN_OR_RETURN(const json found,
                   GetJson({.path = "/volumes", .query = {{"filters", LabelFilter(labels)}}}));
  return ReadResources(Field(found, "Volumes"), "Name");
}

Result<ResourceInfo> Engine::InspectNetwork(const std::string& name) {
  ASSIGN_OR_RETURN(const json found, GetJson({.path = "/networks/" + http::PercentEncode(name)}));
  ASSIGN_OR_RETURN(ResourceInfo info, ReadResource(found, "Id"));
  if (info.name != name) return NotFound("no network is called {}", name);
  return info;
}

Status Engine::CreateNetwork(const std::string& name, const Labels& labels) {
  const json body = {
      {"Name", name}, {"CheckDuplicate", true}, {"Driver", "bridge"}, {"Labels", labels}};
  return client_
      .Do({.method = "POST", .path = "/networks/create", .body = body.dump(), .timeout = kSlowCall})
      .status();
}

Status Engine::RemoveNetwork(const std::string& id) {
  const Status removed =
      client_.Do({.method = "DELETE", .path = "/networks/" + http::PercentEncode(id)}).status();
  return removed.code() == Code::kNotFound ? Status::Ok() : removed;
}

Result<std::vector<ResourceInfo>> Engine::ListNetworks(const std::vector<std::string>& labels) {
  ASSIGN_OR_RETURN(const json found,
                   GetJson({.path = "/networks", .query = {{"filters", LabelFilter(labels)}}}));
  return ReadResources(found, "Id");
}

Result<bool> Engine::MapsRoot() {
  ASSIGN_OR_RETURN(const json info, GetJson({.path = "/info"}));
  const json& options = Field(info, "SecurityOptions");
  if (!options.is_array()) return false;
  return std::ranges::any_of(options, [](const json& option) {
    const std::string text = option.is_string() ? option.get<std::string>() : "";
    return text.starts_with("name=userns") || text.starts_with("name=rootless");
  });
}

Result<std::string> Engine::ImageId(const std::string& reference) {
  // A reference's slashes and colons are part of the path as they are.
  ASSIGN_OR_RETURN(const json found, GetJson({.path = fmt::format("/images/{}/json", reference)}));
  std::string id = Text(found, "Id");
  if (id.empty()) return Unreadable("a look at image " + reference);
  return id;
}

}  // namespace headpond::runtime

#include "operator/testing/fake_engine.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/base64.h"
#include "base/clock.h"
#include "operator/runtime/docker/tar.h"
#include "operator/testing/fake_container_process.h"

namespace headpond::testing_operator {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;
using runtime::TarEntry;

Response Json(int status, const json& body) {
  return {.status = status, .body = body.dump()};
}
Response Error(int status, const std::string& message) {
  return Json(status, {{"message", message}});
}
Response Empty(int status) {
  return {.status = status};
}

std::string Time(int64_t ms) {
  if (ms == 0) return "0001-01-01T00:00:00Z";
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}000000Z",
                     fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

std::string Query(const Request& request, const char* name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

// All of {"label": ["key", "key=value"]}.
bool Matches(const json& labels, const Request& request) {
  const json filters = json::parse(Query(request, "filters"), nullptr, false);
  if (!filters.is_object() || !filters.contains("label")) return true;
  for (const std::string wanted : filters["label"]) {
    const size_t equals = wanted.find('=');
    const std::string key = wanted.substr(0, equals);
    if (!labels.contains(key)) return false;
    if (equals != std::string::npos && labels[key] != wanted.substr(equals + 1)) return false;
  }
  return true;
}

int MinorOf(const std::string& version) {
  return std::atoi(version.c_str() + version.find('.') + 1);
}

bool Changes(const Request& request) {
  return request.method != "GET" && request.method != "HEAD";
}

// Of X-Registry-Auth.
std::string UserOf(std::string auth) {
  std::ranges::replace(auth, '-', '+');
  std::ranges::replace(auth, '_', '/');
  const json login =
      json::parse(DecodeBase64(auth).value_or(""), nullptr, /*allow_exceptions=*/false);
  return login.is_object() ? login.value("username", "") : "";
}

}  // namespace

struct FakeEngine::Container {
  std::string id, name, status = "created";
  json body;
  int exit_code = 0, pid = 0;
  std::string error;  // why it could not be started
  int64_t started_at_ms = 0, finished_at_ms = 0;
  int starts = 0;
  Files files;
  std::unique_ptr<FakeContainerProcess> process;

  bool Has(const std::string& behaviour) const {
    for (const std::string variable : body.value("Env", json::array()))
      if (variable == "FAKE_DAEMON=" + behaviour) return true;
    return false;
  }
  bool is_running() const { return status == "running"; }
};

FakeEngine::FakeEngine(Options options)
    : options_(std::move(options)),
      live_workers_(options_.live_workers ? options_.live_workers
                                          : std::make_shared<std::atomic<int>>(0)) {
  ComeBack();
}

FakeEngine::~FakeEngine() {
  GoAway();
}

runtime::Endpoint FakeEngine::endpoint() const {
  const std::string socket = directory_ / "docker.sock";
  return {.name = "unix://" + socket, .socket = socket};
}

void FakeEngine::GoAway() {
  {
    MutexLock lock(mutex_);
    away_ = true;
    announced_.NotifyAll();
  }
  server_.reset();
}

void FakeEngine::ComeBack() {
  {
    MutexLock lock(mutex_);
    away_ = false;
  }
  constexpr int kThreads = 16;  // each stream of events holds one
  constexpr size_t kMaxBody = 64 << 20;
  server_ = std::make_unique<http::HttpServer>(http::HttpServer::Options{
      .threads = kThreads, .max_body_bytes = kMaxBody, .unix_socket = endpoint().socket});
  server_->HandleAll(
      [this](const Request& request) -> Result<Response> { return Handle(request); });
  const auto started = server_->Start();
  if (!started.ok()) fmt::print(stderr, "{}\n", started.status().message());
}

Response FakeEngine::Handle(const Request& request) {
  if (request.path == "/_ping") {
    MutexLock lock(mutex_);
    if (dead_) return Error(503, "dead");
    return {.content_type = "text/plain",
            .body = "OK",
            .headers = {{"Api-Version", options_.api_version}}};
  }
  size_t slash = request.path.find('/', 1);
  const std::string version = request.path.substr(0, slash);
  const bool versioned = version.starts_with("/v1.");
  if (!versioned) slash = 0;  // the newest is meant
  if (versioned && MinorOf(version) > MinorOf(options_.api_version))
    return Error(400,
                 fmt::format("client version {} is too new. Maximum supported API version is {}",
                             version.substr(2), options_.api_version));
  if (versioned && MinorOf(version) < MinorOf(options_.min_api_version))
    return {.status = 400,
            .content_type = "text/plain",
            .body = fmt::format("client version {} is too old. Minimum supported API version is "
                                "{}, please upgrade your client to a newer version\n",
                                version.substr(2), options_.min_api_version)};
  const std::string path = request.path.substr(slash);
  if (path == "/events") return Events();
  MutexLock lock(mutex_);
  if (dead_) return Error(503, "dead");
  Response response = Route(request, path);
  const bool changed = Changes(request) && response.status < 300 && response.status != 304;
  if (!changed) return response;
  mutations_.push_back(fmt::format("{} {}", request.method, path));
  if (die_after_ > 0 && --die_after_ == 0) dead_ = true;
  return dead_ ? Error(503, "dead") : std::move(response);
}

Response FakeEngine::Route(const Request& request, const std::string& path) {
  if (path.starts_with("/containers")) return RouteContainers(request, path);
  if (path.starts_with("/volumes")) return RouteVolumes(request, path);
  if (path.starts_with("/networks")) return RouteNetworks(request, path);
  if (path.starts_with("/images")) return RouteImages(request, path);
  if (path == "/info")
    return Json(
        200, {{"SecurityOptions", maps_users_ ? json{"name=seccomp,profile=default", "name=userns"}
                                              : json{"name=seccomp,profile=default"}}});
  return Error(404, "page not found");
}

Response FakeEngine::Events() {
  size_t seen = 0;
  {
    MutexLock lock(mutex_);
    if (dead_) return Error(503, "dead");
    seen = events_.size();
  }
  return {.content_type = "application/json; charset=utf-8",
          .stream = [this, seen]() mutable -> std::optional<std::string> {
            constexpr std::chrono::milliseconds kLongest(20);
            const auto deadline = std::chrono::steady_clock::now() + kLongest;
            MutexLock lock(mutex_);
            while (!away_ && events_.size() == seen && announced_.WaitUntil(mutex_, deadline))
              continue;
            if (away_) return std::nullopt;
            // White space keeps the client's hands on it, so that one that ends does so at once.
            std::string text = "\n";
            for (; seen < events_.size(); ++seen) text += events_[seen] + "\n";
            return text;
          }};
}

void FakeEngine::Announce(const std::string& action, const Container& container) {
  events_.push_back(
      json{{"Type", "container"}, {"Action", action}, {"Actor", {{"ID", container.id}}}}.dump());
  announced_.NotifyAll();
}

FakeEngine::Container* FakeEngine::Find(const std::string& id_or_name) const {
  for (const auto& [id, container] : containers_)
    if (id == id_or_name || container->name == id_or_name) return container.get();
  return nullptr;
}

Response FakeEngine::RouteContainers(const Request& request, const std::string& path) {
  if (path == "/containers/json") {
    json list = json::array();
    for (const auto& [id, container] : containers_)
      if (Matches(container->body.value("Labels", json::object()), request))
        list.push_back({{"Id", id}, {"Names", {"/" + container->name}}});
    return Json(200, list);
  }
  if (path == "/containers/create") return Create(request);
  const std::string rest = path.substr(std::string("/containers/").size());
  const size_t slash = rest.find('/');
  const std::string id = rest.substr(0, slash);
  Container* const container = Find(id);
  if (container == nullptr) return Error(404, "No such container: " + id);
  if (slash == std::string::npos) {
    if (request.method != "DELETE") return Error(404, "page not found");
    return Remove(container->id);
  }
  return RouteOneContainer(request, *container, rest.substr(slash + 1));
}

Response FakeEngine::RouteOneContainer(const Request& request, Container& container,
                                       const std::string& verb) {
  if (verb == "json") return Json(200, Inspect(container));
  if (verb == "start") return Start(container);
  if (verb == "kill") return Signal(container, Query(request, "signal"));
  if (verb == "archive") return Archive(request, container);
  if (verb == "update") return Update(request, container);
  if (verb == "logs") {
    const std::string line = container.Has("refuse")
                                 ? "alluxio.fake: this configuration is refused\n"
                                 : fmt::format("printed by {}\n", container.name);
    std::string frame("\2\0\0\0\0\0\0\0", 8);
    frame[7] = static_cast<char>(line.size());
    return {.content_type = "application/vnd.docker.raw-stream", .body = frame + line};
  }
  if (verb == "rename") {
    const std::string name = Query(request, "name");
    if (Find(name) != nullptr) return Error(409, "Conflict. The container name is already in use");
    container.name = name;
    Announce("rename", container);
    return Empty(204);
  }
  return Error(404, "page not found");
}

Response FakeEngine::Create(const Request& request) {
  const std::string name = Query(request, "name");
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) return Error(400, "invalid JSON");
  if (Find(name) != nullptr)
    return Error(409, fmt::format("Conflict. The container name \"/{}\" is already in use", name));
  const std::string image = body.value("Image", "");
  if (!images_.contains(image)) return Error(404, "No such image: " + image);
  const json& host = body["HostConfig"];
  for (const json& mount : host.value("Mounts", json::array())) {
    const std::string source = mount["Source"];
    if (mount["Type"] == "bind" && !host_folders_.contains(source))
      return Error(400, fmt::format("invalid mount config for type \"bind\": bind source path does "
                                    "not exist: {}",
                                    source));
    if (mount["Type"] == "volume" && !volumes_.contains(source))
      volumes_[source] = {.labels = json::object()};
  }
  const std::string network = host.value("NetworkMode", "host");
  const bool known = network == "host" || std::ranges::any_of(networks_, [&](const auto& entry) {
                       return entry.second.name == network;
                     });
  if (!known) return Error(404, fmt::format("network {} not found", network));
  auto container = std::make_unique<Container>();
  container->id = fmt::format("{:064x}", 0xabc000 + next_id_++);
  container->name = name;
  container->body = body;
  const std::string id = container->id;
  containers_[id] = std::move(container);
  return Json(201, {{"Id", id}, {"Warnings", json::array()}});
}

Response FakeEngine::Update(const Request& request, Container& container) {
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) return Error(400, "invalid JSON");
  if (body.value("Memory", int64_t{0}) > most_memory_)
    return Error(500, "Cannot update container: failed to write memory.limit_in_bytes: invalid");
  container.body["HostConfig"].update(body);
  return Json(200, {{"Warnings", nullptr}});
}

Response FakeEngine::Start(Container& container) {
  if (container.is_running()) return Empty(304);
  if (broken_images_.contains(container.body.value("Image", ""))) {
    constexpr int kCannotRun = 127;
    container.error =
        "failed to create shim: OCI runtime create failed: exec: \"/entrypoint.sh\": no such file "
        "or directory: unknown";
    container.exit_code = kCannotRun;
    return Error(400, container.error);
  }
  container.error.clear();
  ++container.starts;
  const auto args = container.body.value("Cmd", std::vector<std::string>());
  container.started_at_ms = Clock::System().NowMs();
  if (container.Has("refuse")) {
    container.status = "running";
    Announce("start", container);
    End(container, 1);
    return Empty(204);
  }
  // Work without ports, and daemons that never listen, run until they are told to end.
  if (container.Has("deaf") ||
      container.body.value("Labels", json::object()).contains("headpond.dev/task")) {
    container.status = "running";
    container.pid = 1000 + next_id_++;
    Announce("start", container);
    return Empty(204);
  }
  auto process = FakeContainerProcess::Start(args, [live = live_workers_] { return live->load(); });
  if (!process.ok())
    return Error(500,
                 "driver failed programming external connectivity: " + process.status().message());
  container.process = *std::move(process);
  container.status = "running";
  container.pid = 1000 + next_id_++;
  *live_workers_ += container.process->role() == "worker";
  Announce("start", container);
  return Empty(204);
}

void FakeEngine::End(Container& container, int exit_code) {
  *live_workers_ -= container.process != nullptr && container.process->role() == "worker";
  container.process.reset();
  container.status = "exited";
  container.exit_code = exit_code;
  container.pid = 0;
  container.finished_at_ms = Clock::System().NowMs();
  Announce("die", container);
}

Response FakeEngine::Signal(Container& container, const std::string& signal) {
  if (!container.is_running())
    return Error(409, fmt::format("Container {} is not running", container.id));
  constexpr int kKilled = 137;
  if (signal == "SIGKILL")
    End(container, kKilled);
  else if (!container.Has("ignore-sigterm"))
    End(container, 0);
  return Empty(204);
}

Response FakeEngine::Remove(const std::string& id) {
  const auto found = containers_.find(id);
  if (found->second->is_running())
    return Error(409,
                 "You cannot remove a running container. Stop the container before attempting "
                 "removal or force remove");
  Announce("destroy", *found->second);
  containers_.erase(found);
  return Empty(204);
}

json FakeEngine::Inspect(const Container& c) const {
  const json& host = c.body.value("HostConfig", json::object());
  json networks = json::object();
  networks[host.value("NetworkMode", "host")] = {{"IPAddress", "127.0.0.1"}};
  return {{"Id", c.id},
          {"Name", "/" + c.name},
          {"State",
           {{"Status", c.status},
            {"Running", c.is_running()},
            {"Pid", c.pid},
            {"ExitCode", c.exit_code},
            {"OOMKilled", false},
            {"Error", c.error},
            {"StartedAt", Time(c.started_at_ms)},
            {"FinishedAt", Time(c.finished_at_ms)}}},
          {"Config",
           {{"Labels", c.body.value("Labels", json::object())},
            {"StopTimeout", c.body.value("StopTimeout", 10)}}},
          {"HostConfig",
           {{"Memory", host.value("Memory", int64_t{0})},
            {"NanoCpus", host.value("NanoCpus", int64_t{0})}}},
          {"NetworkSettings", {{"Networks", networks}}}};
}

std::pair<FakeEngine::Files*, std::string> FakeEngine::Resolve(const Container& container,
                                                               const std::string& path) {
  const json& host = container.body.value("HostConfig", json::object());
  for (const json& mount : host.value("Mounts", json::array())) {
    const std::string target = mount["Target"];
    if (path != target && !path.starts_with(target + "/")) continue;
    Files& files = mount["Type"] == "bind" ? host_folders_.at(mount["Source"])
                                           : volumes_.at(mount["Source"]).files;
    return {&files, path.size() > target.size() ? path.substr(target.size() + 1) : ""};
  }
  return {&const_cast<Container&>(container).files, path.substr(1)};
}

Response FakeEngine::Archive(const Request& request, Container& container) {
  const std::string path = Query(request, "path");
  const auto [files, inner] = Resolve(container, path);
  if (request.method == "PUT") {
    const bool read_only = container.body["HostConfig"].value("ReadonlyRootfs", false);
    if (read_only && files == &container.files)
      return Error(403, "container rootfs is marked read-only");
    const auto entries = runtime::ReadTar(request.body);
    if (!entries.ok()) return Error(400, entries.status().message());
    const std::string start = inner.empty() ? "" : inner + "/";
    for (const TarEntry& entry : *entries)
      (*files)[start + entry.path + (entry.is_folder ? "/" : "")] = entry.content;
    return Empty(200);
  }
  std::vector<TarEntry> found;
  const std::string base = path.substr(path.rfind('/') + 1);
  if (files->contains(inner)) found.push_back({.path = base, .content = files->at(inner)});
  for (const auto& [name, content] : *files)
    if (inner.empty() || name.starts_with(inner + "/")) {
      if (found.empty()) found.push_back({.path = base, .is_folder = true});
      const std::string member = name.substr(inner.empty() ? 0 : inner.size() + 1);
      if (!member.empty() && !member.ends_with('/'))
        found.push_back({.path = base + "/" + member, .content = content});
    }
  if (found.empty())
    return Error(404,
                 fmt::format("Could not find the file {} in container {}", path, container.id));
  return {.content_type = "application/x-tar", .body = *runtime::WriteTar(found)};
}

Response FakeEngine::RouteVolumes(const Request& request, const std::string& path) {
  const auto shown = [](const std::string& name, const Volume& volume) {
    return json{{"Name", name}, {"Driver", "local"}, {"Labels", volume.labels}};
  };
  if (path == "/volumes") {
    json list = json::array();
    for (const auto& [name, volume] : volumes_)
      if (Matches(volume.labels, request)) list.push_back(shown(name, volume));
    return Json(200, {{"Volumes", list.empty() ? json() : list}, {"Warnings", nullptr}});
  }
  if (path == "/volumes/create") {
    const json body = json::parse(request.body);
    volumes_.try_emplace(body.at("Name"), Volume{.labels = body.at("Labels")});
    return Json(201, shown(body.at("Name"), volumes_.at(body.at("Name"))));
  }
  const std::string name = path.substr(std::string("/volumes/").size());
  const auto found = volumes_.find(name);
  if (found == volumes_.end()) return Error(404, fmt::format("get {}: no such volume", name));
  if (request.method != "DELETE") return Json(200, shown(name, found->second));
  for (const auto& [id, container] : containers_)
    for (const json& mount : container->body["HostConfig"].value("Mounts", json::array()))
      if (mount["Source"] == name)
        return Error(409, fmt::format("remove {}: volume is in use - [{}]", name, id));
  volumes_.erase(found);
  return Empty(204);
}

Response FakeEngine::RouteNetworks(const Request& request, const std::string& path) {
  const auto shown = [](const std::string& id, const Network& network) {
    return json{{"Id", id}, {"Name", network.name}, {"Labels", network.labels}};
  };
  if (path == "/networks") {
    json list = json::array();
    for (const auto& [id, network] : networks_)
      if (Matches(network.labels, request)) list.push_back(shown(id, network));
    return Json(200, list);
  }
  if (path == "/networks/create") {
    const json body = json::parse(request.body);
    for (const auto& [id, network] : networks_)
      if (network.name == body.at("Name"))
        return Error(409, fmt::format("network with name {} already exists", network.name));
    const std::string id = fmt::format("{:064x}", 0xdef000 + next_id_++);
    networks_[id] = {body.at("Name"), body.at("Labels")};
    return Json(201, {{"Id", id}, {"Warning", ""}});
  }
  const std::string name = path.substr(std::string("/networks/").size());
  const auto found = std::ranges::find_if(networks_, [&](const auto& entry) {
    return entry.first == name || entry.second.name == name;
  });
  if (found == networks_.end()) return Error(404, fmt::format("network {} not found", name));
  if (request.method != "DELETE") return Json(200, shown(found->first, found->second));
  for (const auto& [id, container] : containers_)
    if (container->is_running() &&
        container->body["HostConfig"].value("NetworkMode", "") == found->second.name)
      return Error(403, fmt::format("error while removing network: network {} id {} has active "
                                    "endpoints",
                                    found->second.name, found->first));
  networks_.erase(found);
  return Empty(204);
}

Response FakeEngine::RouteImages(const Request& request, const std::string& path) {
  if (path == "/images/create") return Pull(request);
  if (path == "/images/load") {  // the archive is the name of what is in it
    images_.insert(request.body);
    return Json(200, {{"stream", fmt::format("Loaded image: {}\n", request.body)}});
  }
  constexpr std::string_view kStart = "/images/", kEnd = "/json";
  const std::string name = path.substr(kStart.size(), path.size() - kStart.size() - kEnd.size());
  if (!images_.contains(name)) return Error(404, "No such image: " + name);
  return Json(200, {{"Id", "sha256:" + name}});
}

Response FakeEngine::Pull(const Request& request) {
  const std::string name = Query(request, "fromImage"), tag = Query(request, "tag");
  const std::string reference =
      tag.empty() ? name : name + (tag.find(':') == std::string::npos ? ":" : "@") + tag;
  const auto auth = request.headers.find("x-registry-auth");
  last_auth_ = auth == request.headers.end() ? "" : auth->second;
  const auto found = registry_.find(reference);
  if (found == registry_.end())
    return Error(404, fmt::format("manifest for {} not found: manifest unknown", reference));
  if (!found->second.empty() && UserOf(last_auth_) != found->second)
    return Error(500, fmt::format("pull access denied for {}, repository does not exist or may "
                                  "require 'docker login'",
                                  name));
  images_.insert(reference);
  return {.body = R"({"status":"Pulling from x","id":"latest"}
{"status":"Downloading","progressDetail":{"current":5,"total":10},"id":"aa"}
{"status":"Status: Downloaded newer image"}
)"};
}

std::vector<std::string> FakeEngine::mutations() const {
  MutexLock lock(mutex_);
  return mutations_;
}
void FakeEngine::ForgetMutations() {
  MutexLock lock(mutex_);
  mutations_.clear();
}
void FakeEngine::DieAfter(int k) {
  MutexLock lock(mutex_);
  die_after_ = k;
}
bool FakeEngine::is_dead() const {
  MutexLock lock(mutex_);
  return dead_;
}
void FakeEngine::Revive() {
  MutexLock lock(mutex_);
  dead_ = false;
  die_after_ = -1;
}
void FakeEngine::BreakImage(const std::string& image) {
  MutexLock lock(mutex_);
  broken_images_.insert(image);
}
void FakeEngine::RefuseMemoryAbove(int64_t bytes) {
  MutexLock lock(mutex_);
  most_memory_ = bytes;
}
void FakeEngine::AddImage(const std::string& reference) {
  MutexLock lock(mutex_);
  images_.insert(reference);
}
void FakeEngine::AddToRegistry(const std::string& reference, const std::string& username) {
  MutexLock lock(mutex_);
  registry_[reference] = username;
}
void FakeEngine::AddHostFolder(const std::string& path) {
  MutexLock lock(mutex_);
  host_folders_[path];
}
void FakeEngine::WriteFile(const std::string& volume, const std::string& path) {
  MutexLock lock(mutex_);
  (volume.starts_with('/') ? host_folders_[volume] : volumes_[volume].files)[path] = "x";
}
bool FakeEngine::HasFile(const std::string& volume, const std::string& path) const {
  MutexLock lock(mutex_);
  if (volume.starts_with('/'))
    return host_folders_.contains(volume) && host_folders_.at(volume).contains(path);
  return volumes_.contains(volume) && volumes_.at(volume).files.contains(path);
}
void FakeEngine::AddForeignContainer(const std::string& name) {
  MutexLock lock(mutex_);
  auto container = std::make_unique<Container>();
  container->id = fmt::format("{:064x}", 0xabc000 + next_id_++);
  container->name = name;
  container->body = {{"Labels", json::object()}, {"HostConfig", json::object()}};
  const std::string id = container->id;
  containers_[id] = std::move(container);
}
void FakeEngine::Kill(const std::string& name) {
  MutexLock lock(mutex_);
  if (Container* const container = Find(name)) (void)Signal(*container, "SIGKILL");
}
void FakeEngine::Finish(const std::string& name, int exit_code) {
  MutexLock lock(mutex_);
  Container* const container = Find(name);
  if (container != nullptr && container->is_running()) End(*container, exit_code);
}
bool FakeEngine::IsRunning(const std::string& name) const {
  MutexLock lock(mutex_);
  const Container* const container = Find(name);
  return container != nullptr && container->is_running();
}
int FakeEngine::StartsOf(const std::string& name) const {
  MutexLock lock(mutex_);
  const Container* const container = Find(name);
  return container == nullptr ? 0 : container->starts;
}
void FakeEngine::MapUsers() {
  MutexLock lock(mutex_);
  maps_users_ = true;
}
void FakeEngine::ForceRemove(const std::string& name) {
  MutexLock lock(mutex_);
  Container* const container = Find(name);
  if (container == nullptr) return;
  if (container->is_running()) (void)Signal(*container, "SIGKILL");
  (void)Remove(container->id);
}
std::vector<std::string> FakeEngine::containers() const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [id, container] : containers_) names.push_back(container->name);
  std::ranges::sort(names);
  return names;
}
std::map<std::string, std::string> FakeEngine::ContainerIds() const {
  MutexLock lock(mutex_);
  std::map<std::string, std::string> ids;
  for (const auto& [id, container] : containers_) ids[container->name] = id;
  return ids;
}
std::vector<std::string> FakeEngine::volumes() const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, volume] : volumes_) names.push_back(name);
  return names;
}
std::vector<std::string> FakeEngine::networks() const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [id, network] : networks_) names.push_back(network.name);
  std::ranges::sort(names);
  return names;
}
json FakeEngine::CreateBody(const std::string& name) const {
  MutexLock lock(mutex_);
  const Container* const container = Find(name);
  return container == nullptr ? json() : container->body;
}
std::string FakeEngine::FileIn(const std::string& container, const std::string& path) const {
  MutexLock lock(mutex_);
  Container* const found = Find(container);
  if (found == nullptr) return "";
  const auto [files, inner] = const_cast<FakeEngine*>(this)->Resolve(*found, path);
  const auto file = files->find(inner);
  return file == files->end() ? "" : file->second;
}
std::string FakeEngine::LastRegistryAuth() const {
  MutexLock lock(mutex_);
  return last_auth_;
}

}  // namespace headpond::testing_operator

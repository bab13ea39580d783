#include "operator/testing/fake_kubelet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/kube/client.h"

namespace headpond::testing_operator {
namespace {

using apiserver::At;
using apiserver::TextAt;
using nlohmann::json;

constexpr std::chrono::milliseconds kStep{5};
constexpr const char* kFinalizer = "testing/kubelet";

apiserver::ResourceType Opaque(std::string group, std::string resource, std::string kind) {
  std::string singular = kind;
  std::ranges::transform(singular, singular.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return {.group = std::move(group),
          .version = "v1",
          .resource = std::move(resource),
          .singular = std::move(singular),
          .kind = std::move(kind),
          .opaque = true};
}

std::string PathOf(const json& object, const char* prefix, const char* plural) {
  return fmt::format("{}/namespaces/{}/{}/{}", prefix, TextAt(object, "metadata.namespace"), plural,
                     TextAt(object, "metadata.name"));
}
std::string PodPath(const json& pod) {
  return PathOf(pod, "/api/v1", "pods");
}

const json& ContainerOf(const json& pod) {
  return At(pod, "spec.containers").at(0);
}

bool Behaves(const json& pod, const std::string& word) {
  for (const json& variable : ContainerOf(pod).value("env", json::array()))
    if (variable.at("name") == "FAKE_DAEMON") return variable.at("value") == word;
  return false;
}

std::string NowText() {
  return FormatRfc3339(Clock::System().NowMs());
}

std::vector<apiserver::ResourceType> KubernetesKinds() {
  return {Opaque("", "pods", "Pod"), Opaque("", "services", "Service"),
          Opaque("", "persistentvolumeclaims", "PersistentVolumeClaim"),
          Opaque("apps", "statefulsets", "StatefulSet"),
          Opaque("policy", "poddisruptionbudgets", "PodDisruptionBudget"),
          Opaque("networking.k8s.io", "networkpolicies", "NetworkPolicy")};
}

}  // namespace

FakeKubelet::FakeKubelet(apiserver::EmbeddedApi& api)
    : api_(api), loop_(std::make_unique<PeriodicTask>("fake-kubelet", kStep, [this] { Step(); })) {}

FakeKubelet::~FakeKubelet() = default;

void FakeKubelet::Ask(const std::string& method, const std::string& path, const std::string& body) {
  http::Request request{.method = method, .path = path, .body = body};
  request.headers = {
      {"user-agent", "kubelet"},
      {"accept", "application/json"},
      {"content-type", method == "PATCH" ? "application/merge-patch+json" : "application/json"}};
  (void)api_.server().Handle(request);
}

void FakeKubelet::Kill(const std::string& pod) {
  const auto found = api_.store().Get({"", "pods", "default", pod});
  if (!found.ok()) return;
  const MutexLock lock(mutex_);
  killed_.insert(TextAt(*found->object, "metadata.uid"));
}

void FakeKubelet::BreakImage(const std::string& image) {
  const MutexLock lock(mutex_);
  broken_images_.insert(image);
}

void FakeKubelet::Step() {
  for (const auto& stored : api_.store().Objects("apps", "statefulsets", std::nullopt).objects)
    Control(*stored.object);
  for (const auto& stored : api_.store().Objects("", "pods", std::nullopt).objects)
    Run(*stored.object);
}

void FakeKubelet::Control(const json& set) {
  const std::string name = TextAt(set, "metadata.name") + "-0";
  const std::string name_space = TextAt(set, "metadata.namespace");
  const auto found = api_.store().Get({"", "pods", name_space, name});
  const bool wanted = set.at("spec").value("replicas", 1) > 0;
  if (!wanted && found.ok() && At(*found->object, "metadata.deletionTimestamp").is_null())
    Ask("DELETE", PodPath(*found->object));
  if (wanted && !found.ok()) MakePod(set);
  const json& generation = At(set, "metadata.generation");
  if (At(set, "status.observedGeneration") == generation) return;
  const json patch = {{"status", {{"observedGeneration", generation}}}};
  Ask("PATCH", PathOf(set, "/apis/apps/v1", "statefulsets"), patch.dump());
}

void FakeKubelet::MakePod(const json& set) {
  json pod = At(set, "spec.template");
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  pod["metadata"]["name"] = TextAt(set, "metadata.name") + "-0";
  pod["metadata"]["finalizers"] = {kFinalizer};
  pod["metadata"]["ownerReferences"] = json::array({{{"apiVersion", "apps/v1"},
                                                     {"kind", "StatefulSet"},
                                                     {"name", TextAt(set, "metadata.name")},
                                                     {"uid", TextAt(set, "metadata.uid")},
                                                     {"controller", true}}});
  pod["status"]["phase"] = "Pending";
  Ask("POST", fmt::format("/api/v1/namespaces/{}/pods", TextAt(set, "metadata.namespace")),
      pod.dump());
}

json FakeKubelet::StatusOf(const json& pod) {
  const MutexLock lock(mutex_);
  const std::string image = ContainerOf(pod).at("image");
  if (broken_images_.contains(image))
    return {{"state",
             {{"waiting",
               {{"reason", "ImagePullBackOff"},
                {"message", "Back-off pulling image \"" + image + "\""}}}}},
            {"restartCount", 0}};
  const bool killed = killed_.contains(TextAt(pod, "metadata.uid"));
  if (!killed && !Behaves(pod, "refuse"))
    return {{"state", {{"running", {{"startedAt", NowText()}}}}}, {"restartCount", 0}};
  constexpr int kKilled = 137;
  const std::string now = NowText();
  return {{"state", {{"waiting", {{"reason", "CrashLoopBackOff"}}}}},
          {"lastState",
           {{"terminated",
             {{"exitCode", killed ? kKilled : 1},
              {"reason", "Error"},
              {"message", killed ? "" : "fake daemon refuses\n"},
              {"startedAt", now},
              {"finishedAt", now}}}}},
          {"restartCount", 0}};
}

void FakeKubelet::Run(const json& pod) {
  if (!At(pod, "metadata.deletionTimestamp").is_null()) return End(pod);
  const json status = StatusOf(pod);
  const bool running = status.at("state").contains("running");
  const json& known = At(pod, "status.containerStatuses");
  const auto kind = [](const json& of) { return of.at("state").begin().key(); };
  if (known.is_array() && kind(known.at(0)) == kind(status)) return;
  const json conditions = json::array(
      {{{"type", "Ready"}, {"status", running && !Behaves(pod, "deaf") ? "True" : "False"}}});
  const json patch = {{"status",
                       {{"phase", "Running"},
                        {"podIP", "127.0.0.1"},
                        {"containerStatuses", json::array({status})},
                        {"conditions", conditions}}}};
  Ask("PATCH", PodPath(pod), patch.dump());
}

void FakeKubelet::End(const json& pod) {
  constexpr int64_t kSecond = 1000;
  const int64_t killed_at = ParseRfc3339Ms(TextAt(pod, "metadata.deletionTimestamp")) +
                            At(pod, "spec.terminationGracePeriodSeconds").get<int64_t>() * kSecond;
  if (Behaves(pod, "ignore-sigterm") && Clock::System().NowMs() < killed_at) return;
  Ask("PATCH", PodPath(pod), R"({"metadata": {"finalizers": null}})");
}

FakeKubernetes::FakeKubernetes() {
  auto started = apiserver::EmbeddedApi::Start(
      {.folder = folder_ / "api", .faults = &faults_, .opaque_kinds = KubernetesKinds()},
      Clock::System());
  if (!started.ok()) {
    fmt::print(stderr, "no API: {}\n", started.status().message());
    std::abort();
  }
  api_ = *std::move(started);
  kubelet_ = std::make_unique<FakeKubelet>(*api_);
}

FakeKubernetes::~FakeKubernetes() = default;

json FakeKubernetes::Ask(const std::string& method, const std::string& path, const json& body) {
  http::Request request{.method = method, .path = path};
  request.headers = {
      {"user-agent", "somebody"},
      {"accept", "application/json"},
      {"content-type", method == "PATCH" ? "application/merge-patch+json" : "application/json"}};
  if (!body.is_null()) request.body = body.dump();
  return json::parse(api_->server().Handle(request).body);
}

json FakeKubernetes::Get(const std::string& path) {
  return Ask("GET", path, nullptr);
}

std::vector<std::string> FakeKubernetes::Names(const std::string& group,
                                               const std::string& resource) {
  std::vector<std::string> names;
  for (const auto& stored : api_->store().Objects(group, resource, std::nullopt).objects)
    names.push_back(TextAt(*stored.object, "metadata.name"));
  return names;
}

bool FakeKubernetes::IsOperatorsWrite(const http::Request& request) {
  if (request.method == "GET" || request.path.ends_with("/events")) return false;
  const auto agent = request.headers.find("user-agent");
  return agent != request.headers.end() && agent->second == kube::Client::Options().user_agent;
}

}  // namespace headpond::testing_operator

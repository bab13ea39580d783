#include "operator/apiserver/api_server.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kClusters = "/apis/headpond.dev/v1alpha1/namespaces/default/cacheclusters";
constexpr const char* kSecrets = "/api/v1/namespaces/default/secrets";

struct Reply {
  int code = 0;
  json body;
  std::multimap<std::string, std::string> headers;
};

class ApiServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = ObjectStore::Open({.path = directory_ / "api.db", .log_entries = 64});
    ASSERT_OK(opened);
    store_ = *std::move(opened);
    server_ = std::make_unique<ApiServer>(*store_, clock_, Random(7), ApiServer::Options());
    ASSERT_OK(server_->Start());
  }

  // `target` may have a query: "/api/v1/namespaces?limit=1".
  http::Response Raw(const std::string& method, const std::string& target,
                     const std::string& body = "", const std::string& content_type = "",
                     const std::string& accept = "application/json") {
    http::Request request{
        .method = method, .path = target.substr(0, target.find('?')), .body = body};
    request.headers["accept"] = accept;
    if (!content_type.empty()) request.headers["content-type"] = content_type;
    for (size_t at = target.find('?'); at != std::string::npos;) {
      const size_t end = target.find('&', at + 1);
      const std::string term = target.substr(at + 1, end - at - 1);
      const size_t equals = term.find('=');
      request.query[term.substr(0, equals)] = term.substr(equals + 1);
      at = end;
    }
    return server_->Handle(request);
  }

  Reply Ask(const std::string& method, const std::string& target, const json& body = nullptr,
            const std::string& content_type = "application/json",
            const std::string& accept = "application/json") {
    const http::Response response =
        Raw(method, target, body.is_null() ? "" : body.dump(), content_type, accept);
    return {response.status, json::parse(response.body, nullptr, false), response.headers};
  }
  Reply Merge(const std::string& target, const json& patch) {
    return Ask("PATCH", target, patch, "application/merge-patch+json");
  }

  static json Cluster(const std::string& name, json spec = json::object()) {
    return {{"apiVersion", "headpond.dev/v1alpha1"},
            {"kind", "CacheCluster"},
            {"metadata", {{"name", name}}},
            {"spec", std::move(spec)}};
  }
  json Create(const json& object, const std::string& path = kClusters) {
    const Reply reply = Ask("POST", path, object);
    EXPECT_EQ(reply.code, 201) << reply.body;
    return reply.body;
  }
  std::string Path(const std::string& name) { return fmt::format("{}/{}", kClusters, name); }

  std::vector<std::string> Names(const Reply& list) {
    std::vector<std::string> names;
    for (const json& item : list.body.at("items")) names.push_back(item.at("metadata").at("name"));
    return names;
  }

  // The next events of a watch, each "TYPE name".
  std::vector<std::string> Read(const http::Response& watch) {
    std::vector<std::string> events;
    const auto piece = watch.stream();
    if (!piece) return {"end"};
    std::istringstream lines(*piece);
    for (std::string line; std::getline(lines, line);) {
      last_event_ = json::parse(line);
      events.push_back(fmt::format("{} {}", last_event_.at("type").get<std::string>(),
                                   TextAt(last_event_, "object.metadata.name")));
    }
    return events;
  }

  TempDirectory directory_;
  ManualClock clock_;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<ApiServer> server_;
  json last_event_;
};

TEST_F(ApiServerTest, CreateFillsWhatIsTheServersAndTheDefaults) {
  json object = Cluster("a");
  object["metadata"]["uid"] = "mine";
  object["metadata"]["generation"] = 7;
  object["status"] = {{"phase", "Ready"}};
  const json created = Create(object);
  const json& metadata = created.at("metadata");
  EXPECT_EQ(metadata.at("uid").get<std::string>().size(), 36u);
  EXPECT_EQ(metadata.at("generation"), 1);
  EXPECT_EQ(metadata.at("creationTimestamp"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(metadata.at("namespace"), "default");
  EXPECT_FALSE(created.contains("status"));
  EXPECT_EQ(created.at("spec").at("worker").at("replicas"), 1);
  EXPECT_EQ(Ask("GET", Path("a")).body, created);
}

TEST_F(ApiServerTest, ErrorsAreSpelledAsKubernetesDoes) {
  Create(Cluster("a"));
  const Reply exists = Ask("POST", kClusters, Cluster("a"));
  EXPECT_EQ(exists.code, 409);
  EXPECT_EQ(exists.body.at("reason"), "AlreadyExists");
  EXPECT_EQ(exists.body.at("message"), "cacheclusters.headpond.dev \"a\" already exists");
  const Reply missing = Ask("GET", Path("b"));
  EXPECT_EQ(missing.code, 404);
  EXPECT_EQ(missing.body.at("message"), "cacheclusters.headpond.dev \"b\" not found");
  EXPECT_EQ(missing.body.at("details"),
            (json{{"name", "b"}, {"group", "headpond.dev"}, {"kind", "cacheclusters"}}));
  EXPECT_EQ(Ask("POST", "/apis/headpond.dev/v1alpha1/namespaces/x/cacheclusters", Cluster("a"))
                .body.at("message"),
            "namespaces \"x\" not found");
  EXPECT_EQ(Raw("GET", "/apis/other/v1/things").body, "404 page not found\n");
  EXPECT_EQ(Ask("GET", std::string(kClusters) + "?fieldSelector=spec.image=x").body.at("message"),
            "field label not supported: spec.image");
}

TEST_F(ApiServerTest, ABadFieldIsRefusedWithItsPath) {
  const Reply reply =
      Ask("POST", kClusters, Cluster("a", {{"worker", {{"replicas", "two"}}}, {"paused", 1}}));
  EXPECT_EQ(reply.code, 422);
  EXPECT_THAT(
      reply.body.at("message").get<std::string>(),
      HasSubstr("CacheCluster.headpond.dev \"a\" is invalid: [spec.paused: Invalid value: 1"));
  const json& causes = reply.body.at("details").at("causes");
  ASSERT_THAT(causes, SizeIs(2));
  EXPECT_EQ(causes[1].at("field"), "spec.worker.replicas");
  EXPECT_EQ(causes[1].at("reason"), "FieldValueInvalid");
  EXPECT_EQ(Ask("POST", kClusters, Cluster("Not_A_Name")).code, 422);
}

TEST_F(ApiServerTest, UnknownFieldsArePrunedWithAWarningOrRefused) {
  const json object = Cluster("a", {{"worker", {{"replica", 2}}}});
  const Reply strict = Ask("POST", std::string(kClusters) + "?fieldValidation=Strict", object);
  EXPECT_EQ(strict.code, 400);
  EXPECT_EQ(strict.body.at("message"),
            "CacheCluster in version \"v1alpha1\" cannot be handled as a CacheCluster: strict "
            "decoding error: unknown field \"spec.worker.replica\"");
  const Reply warned = Ask("POST", kClusters, object);
  EXPECT_EQ(warned.code, 201);
  EXPECT_FALSE(warned.body.at("spec").at("worker").contains("replica"));
  ASSERT_EQ(warned.headers.count("Warning"), 1u);
  EXPECT_EQ(warned.headers.find("Warning")->second,
            R"(299 - "unknown field \"spec.worker.replica\"")");
}

TEST_F(ApiServerTest, TheGenerationGrowsWithTheSpecOnly) {
  const json created = Create(Cluster("a"));
  EXPECT_EQ(
      Merge(Path("a"), {{"metadata", {{"labels", {{"x", "y"}}}}}}).body["metadata"]["generation"],
      1);
  const Reply edited = Merge(Path("a"), {{"spec", {{"worker", {{"replicas", 3}}}}}});
  EXPECT_EQ(edited.body["metadata"]["generation"], 2);
  EXPECT_EQ(edited.body["metadata"]["labels"]["x"], "y");
  const Reply status = Merge(Path("a") + "/status", {{"status", {{"phase", "Ready"}}}});
  EXPECT_EQ(status.body["metadata"]["generation"], 2);
  EXPECT_EQ(status.body["status"]["phase"], "Ready");
}

TEST_F(ApiServerTest, StatusAndSpecAreWrittenApart) {
  Create(Cluster("a"));
  Merge(Path("a") + "/status", {{"status", {{"phase", "Ready"}}}, {"spec", {{"paused", true}}}});
  json object = Ask("GET", Path("a")).body;
  EXPECT_EQ(object["spec"]["paused"], false);
  object["status"]["phase"] = "Gone";
  object["spec"]["paused"] = true;
  const Reply replaced = Ask("PUT", Path("a"), object);
  EXPECT_EQ(replaced.code, 200) << replaced.body;
  EXPECT_EQ(replaced.body["status"]["phase"], "Ready");
  EXPECT_EQ(replaced.body["spec"]["paused"], true);
}

TEST_F(ApiServerTest, AWriteThatChangesNothingKeepsTheVersion) {
  const json created = Create(Cluster("a"));
  EXPECT_EQ(Merge(Path("a"), {{"spec", {{"paused", false}}}}).body, created);
  EXPECT_EQ(Ask("PUT", Path("a"), created).body, created);
}

TEST_F(ApiServerTest, AnOutdatedWriteIsAConflict) {
  const json created = Create(Cluster("a"));
  Merge(Path("a"), {{"spec", {{"paused", true}}}});
  const Reply put = Ask("PUT", Path("a"), created);
  EXPECT_EQ(put.code, 409);
  EXPECT_EQ(put.body.at("reason"), "Conflict");
  EXPECT_EQ(Merge(Path("a"), {{"metadata", {{"resourceVersion", "1"}}}}).code, 409);
  json blind = created;
  blind["metadata"].erase("resourceVersion");
  EXPECT_EQ(Ask("PUT", Path("a"), blind).code, 422);
  EXPECT_EQ(Merge(Path("a"), {{"metadata", {{"resourceVersion", nullptr}}}}).code, 422);
}

TEST_F(ApiServerTest, BuiltInKindsMayBeReplacedWithoutAVersion) {
  Create({{"metadata", {{"name", "s"}}}, {"stringData", {{"key", "value"}}}}, kSecrets);
  const Reply replaced = Ask("PUT", std::string(kSecrets) + "/s",
                             {{"metadata", {{"name", "s"}}}, {"stringData", {{"other", "x"}}}});
  EXPECT_EQ(replaced.code, 200) << replaced.body;
  EXPECT_FALSE(replaced.body["data"].contains("key"));
}

TEST_F(ApiServerTest, JsonPatchesWorkAsAWhole) {
  Create(Cluster("a"));
  const auto patch = [&](const json& operations) {
    return Ask("PATCH", Path("a"), operations, "application/json-patch+json");
  };
  EXPECT_EQ(patch({{{"op", "replace"}, {"path", "/spec/paused"}, {"value", true}},
                   {{"op", "test"}, {"path", "/spec/paused"}, {"value", false}}})
                .code,
            422);
  EXPECT_EQ(Ask("GET", Path("a")).body["spec"]["paused"], false);
  EXPECT_EQ(patch({{{"op", "replace"}, {"path", "/spec/paused"}, {"value", true}}})
                .body["spec"]["paused"],
            true);
  EXPECT_EQ(patch({{{"op", "nonsense"}}}).code, 400);
}

TEST_F(ApiServerTest, SaysWhichPatchesItDoesNotTake) {
  Create(Cluster("a"));
  for (const char* const media :
       {"application/strategic-merge-patch+json", "application/apply-patch+cbor", "text/plain"}) {
    const Reply refused = Ask("PATCH", Path("a"), Cluster("a"), media);
    EXPECT_EQ(refused.code, 415);
    EXPECT_THAT(refused.body.at("message").get<std::string>(),
                HasSubstr("application/apply-patch+yaml"));
  }
}

TEST_F(ApiServerTest, EveryWriterOwnsWhatItSet) {
  const Reply created = Ask("POST", std::string(kClusters) + "?fieldManager=kubectl-create",
                            Cluster("a", {{"paused", true}}));
  const json& entries = created.body["metadata"]["managedFields"];
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0]["manager"], "kubectl-create");
  EXPECT_EQ(entries[0]["operation"], "Update");
  EXPECT_EQ(entries[0]["apiVersion"], "headpond.dev/v1alpha1");
  EXPECT_EQ(entries[0]["time"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(entries[0]["fieldsV1"]["f:spec"]["f:paused"], json::object());
  EXPECT_TRUE(entries[0]["fieldsV1"]["f:spec"].contains("f:worker"));  // a default
  const Reply status =
      Merge(Path("a") + "/status?fieldManager=operator", {{"status", {{"phase", "Ready"}}}});
  const json& second = status.body["metadata"]["managedFields"][1];
  EXPECT_EQ(second["subresource"], "status");
  EXPECT_EQ(second["fieldsV1"], json::parse(R"({"f:status": {".": {}, "f:phase": {}}})"));
}

TEST_F(ApiServerTest, ServerSideApplyCreatesThenChangesThenRemoves) {
  const std::string target = Path("a") + "?fieldManager=kubectl";
  const auto apply = [&](const json& spec, const std::string& more = "") {
    return Ask("PATCH", target + more, Cluster("a", spec), "application/apply-patch+yaml");
  };
  const Reply created = apply({{"worker", {{"replicas", 3}}}});
  EXPECT_EQ(created.code, 201) << created.body;
  EXPECT_EQ(created.body["metadata"]["managedFields"][0]["operation"], "Apply");
  EXPECT_EQ(created.body["metadata"]["managedFields"][0]["fieldsV1"],
            json::parse(R"({"f:spec": {"f:worker": {"f:replicas": {}}}})"));
  EXPECT_EQ(apply({{"worker", {{"replicas", 3}}}}).body, created.body);

  Merge(Path("a") + "?fieldManager=edit", {{"spec", {{"worker", {{"replicas", 4}}}}}});
  const Reply conflict = apply({{"worker", {{"replicas", 3}}}});
  EXPECT_EQ(conflict.code, 409);
  EXPECT_EQ(conflict.body["reason"], "Conflict");
  EXPECT_EQ(conflict.body["details"]["causes"],
            json::parse(R"([{"reason": "FieldManagerConflict", "field": ".spec.worker.replicas",
                "message": "conflict with \"edit\" using headpond.dev/v1alpha1"}])"));
  EXPECT_EQ(apply({{"worker", {{"replicas", 3}}}}, "&force=true").code, 200);
  // Nobody wants a number any more, so the default comes back.
  const Reply removed = apply(json::object());
  EXPECT_EQ(removed.body["spec"]["worker"]["replicas"], 1) << removed.body;
}

TEST_F(ApiServerTest, ServerSideApplyTakesYamlAndDryRuns) {
  const std::string yaml =
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: value}\n";
  const std::string target = std::string(kSecrets) + "/s?fieldManager=x";
  EXPECT_EQ(Raw("PATCH", target + "&dryRun=All", yaml, "application/apply-patch+yaml").status, 201);
  EXPECT_EQ(Ask("GET", std::string(kSecrets) + "/s").code, 404);
  EXPECT_EQ(Raw("PATCH", target, yaml, "application/apply-patch+yaml").status, 201);
  EXPECT_EQ(Ask("GET", std::string(kSecrets) + "/s").body["data"]["key"], "dmFsdWU=");
}

TEST_F(ApiServerTest, ServerSideApplySaysWhatIsWrongWithTheRequest) {
  const auto apply = [&](const std::string& query, json change, const std::string& path = "/a") {
    json object = Cluster("a");
    object.merge_patch(change);
    return Ask("PATCH", kClusters + path + query, object, "application/apply-patch+yaml");
  };
  const std::string by = "?fieldManager=x";
  EXPECT_EQ(apply("", json::object()).code, 422);
  EXPECT_EQ(apply(by + "&force=maybe", json::object()).code, 422);
  EXPECT_EQ(apply("?fieldManager=" + std::string(200, 'x'), json::object()).code, 422);
  EXPECT_EQ(apply(by, {{"metadata", {{"managedFields", {{{"manager", "y"}}}}}}}).code, 400);
  EXPECT_EQ(apply(by, {{"metadata", {{"name", "b"}}}}).code, 400);
  EXPECT_EQ(apply(by, {{"metadata", {{"namespace", "other"}}}}).code, 400);
  EXPECT_EQ(apply(by, {{"kind", "Secret"}}).code, 400);
  EXPECT_EQ(apply(by, {{"spec", 7}}).code, 422);
  EXPECT_EQ(apply(by, {{"status", {{"phase", "Ready"}}}}, "/a/status").code, 404);
  EXPECT_EQ(apply(by, {{"metadata", {{"resourceVersion", "1"}}}}).code, 404);
  EXPECT_EQ(apply(by, json::object()).code, 201);
  EXPECT_EQ(apply(by, {{"metadata", {{"resourceVersion", "1"}}}}).code, 409);
  EXPECT_EQ(apply(by + "&fieldValidation=Strict", {{"spec", {{"replica", 1}}}}).code, 400);
  EXPECT_EQ(
      Ask("PATCH", Path("a") + "?force=true", Cluster("a"), "application/merge-patch+json").code,
      422);
  const Reply status =
      apply(by, {{"status", {{"phase", "Ready"}}}, {"spec", {{"paused", true}}}}, "/a/status");
  EXPECT_EQ(status.code, 200) << status.body;
  EXPECT_EQ(status.body["status"]["phase"], "Ready");
  EXPECT_EQ(status.body["spec"]["paused"], false);
}

// What kubectl does when an object was applied from the client before.
TEST_F(ApiServerTest, ManagedFieldsCanBeMovedByAJsonPatch) {
  const Reply created = Ask("POST", std::string(kClusters) + "?fieldManager=before", Cluster("a"));
  json entries = created.body["metadata"]["managedFields"];
  entries[0]["manager"] = "kubectl";
  entries[0]["operation"] = "Apply";
  const auto patch = [&](const json& list, const json& version) {
    return Ask(
        "PATCH", Path("a"),
        json::array(
            {{{"op", "replace"}, {"path", "/metadata/managedFields"}, {"value", list}},
             {{"op", "replace"}, {"path", "/metadata/resourceVersion"}, {"value", version}}}),
        "application/json-patch+json");
  };
  EXPECT_EQ(patch(entries, "1").code, 409);
  const Reply moved = patch(entries, created.body["metadata"]["resourceVersion"]);
  EXPECT_EQ(moved.code, 200);
  EXPECT_EQ(moved.body["metadata"]["managedFields"], entries);
  const json version = moved.body["metadata"]["resourceVersion"];
  EXPECT_EQ(patch(json::array({1}), version).body["metadata"]["managedFields"], entries);
  EXPECT_FALSE(
      patch(json::array({json::object()}), version).body["metadata"].contains("managedFields"));
}

TEST_F(ApiServerTest, ImmutableFieldsStay) {
  Create(Cluster("a", {{"rootUfs", {{"uri", "/a"}}}}));
  const Reply reply = Merge(Path("a"), {{"spec", {{"rootUfs", {{"uri", "/b"}}}}}});
  EXPECT_EQ(reply.code, 422);
  EXPECT_EQ(reply.body["details"]["causes"][0]["field"], "spec.rootUfs.uri");
}

TEST_F(ApiServerTest, FinalizersHoldAnObjectUntilTheLastIsRemoved) {
  json object = Cluster("a");
  object["metadata"]["finalizers"] = {"headpond.dev/stop"};
  Create(object);
  const Reply deleted = Ask("DELETE", Path("a"));
  EXPECT_EQ(deleted.code, 200);
  EXPECT_EQ(deleted.body["kind"], "CacheCluster");
  EXPECT_EQ(deleted.body["metadata"]["deletionTimestamp"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(deleted.body["metadata"]["generation"], 2);
  EXPECT_EQ(Ask("DELETE", Path("a")).body, deleted.body);
  EXPECT_EQ(
      Merge(Path("a"), {{"metadata", {{"finalizers", {"headpond.dev/stop", "x.dev/y"}}}}}).code,
      422);
  EXPECT_EQ(Merge(Path("a"), {{"metadata", {{"finalizers", nullptr}}}}).code, 200);
  EXPECT_EQ(Ask("GET", Path("a")).code, 404);
}

TEST_F(ApiServerTest, DependentsGoWithTheirLastOwner) {
  const json owner = Create(Cluster("a"));
  const json other = Create(Cluster("b"));
  const auto reference = [](const json& to) {
    return json{{"apiVersion", "headpond.dev/v1alpha1"},
                {"kind", "CacheCluster"},
                {"name", to["metadata"]["name"]},
                {"uid", to["metadata"]["uid"]}};
  };
  const auto secret = [&](const char* name, json owners) {
    Create({{"metadata", {{"name", name}, {"ownerReferences", std::move(owners)}}}}, kSecrets);
  };
  secret("one", json::array({reference(owner)}));
  secret("two", json::array({reference(owner), reference(other)}));
  EXPECT_EQ(Ask("DELETE", Path("a"), {{"propagationPolicy", "Background"}}).body["status"],
            "Success");
  EXPECT_THAT(Names(Ask("GET", kSecrets)), ElementsAre("two"));
  Ask("DELETE", Path("b"), {{"propagationPolicy", "Orphan"}});
  const Reply orphan = Ask("GET", std::string(kSecrets) + "/two");
  EXPECT_EQ(orphan.code, 200);
  EXPECT_FALSE(orphan.body["metadata"].contains("ownerReferences"));
}

TEST_F(ApiServerTest, AForegroundDeletionWaitsForTheDependents) {
  const json owner = Create(Cluster("a"));
  Create({{"metadata",
           {{"name", "held"},
            {"finalizers", {"x.dev/y"}},
            {"ownerReferences", json::array({{{"apiVersion", "v1"},
                                              {"kind", "C"},
                                              {"name", "a"},
                                              {"uid", owner["metadata"]["uid"]}}})}}}},
         kSecrets);
  Ask("DELETE", Path("a"), {{"propagationPolicy", "Foreground"}});
  EXPECT_THAT(Ask("GET", Path("a")).body["metadata"]["finalizers"],
              ElementsAre("foregroundDeletion"));
  Merge(std::string(kSecrets) + "/held", {{"metadata", {{"finalizers", nullptr}}}});
  EXPECT_EQ(Ask("GET", Path("a")).code, 404);
}

TEST_F(ApiServerTest, ANamespaceEndsWithWhatIsInIt) {
  Create({{"metadata", {{"name", "team"}}}}, "/api/v1/namespaces");
  json object = Cluster("a");
  object["metadata"]["finalizers"] = {"headpond.dev/stop"};
  const std::string clusters = "/apis/headpond.dev/v1alpha1/namespaces/team/cacheclusters";
  Create(object, clusters);
  Create({{"metadata", {{"name", "s"}}}}, "/api/v1/namespaces/team/secrets");
  Ask("DELETE", "/api/v1/namespaces/team");
  EXPECT_EQ(Ask("GET", "/api/v1/namespaces/team").body["status"]["phase"], "Terminating");
  EXPECT_THAT(Names(Ask("GET", "/api/v1/namespaces/team/secrets")), IsEmpty());
  const Reply refused = Ask("POST", clusters, Cluster("b"));
  EXPECT_EQ(refused.code, 403);
  EXPECT_EQ(refused.body["details"]["causes"][0]["reason"], "NamespaceTerminating");
  Merge(clusters + "/a", {{"metadata", {{"finalizers", nullptr}}}});
  EXPECT_EQ(Ask("GET", "/api/v1/namespaces/team").code, 404);
  EXPECT_EQ(Ask("DELETE", "/api/v1/namespaces/default").code, 403);
}

TEST_F(ApiServerTest, ListsSelectAndPage) {
  for (const char* const name : {"c", "a", "b"}) {
    json object = Cluster(name);
    object["metadata"]["labels"] = {{"tier", name}};
    Create(object);
  }
  const std::string base = kClusters;
  EXPECT_THAT(Names(Ask("GET", base)), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Names(Ask("GET", base + "?labelSelector=tier in (a,c),tier!=c")), ElementsAre("a"));
  EXPECT_THAT(Names(Ask("GET", base + "?labelSelector=!tier")), IsEmpty());
  EXPECT_THAT(Names(Ask("GET", base + "?fieldSelector=metadata.name=b")), ElementsAre("b"));
  const Reply first = Ask("GET", base + "?limit=2");
  EXPECT_THAT(Names(first), ElementsAre("a", "b"));
  EXPECT_EQ(first.body["metadata"]["remainingItemCount"], 1);
  const Reply rest = Ask(
      "GET", base + "?limit=2&continue=" + first.body["metadata"]["continue"].get<std::string>());
  EXPECT_THAT(Names(rest), ElementsAre("c"));
  EXPECT_EQ(rest.body["metadata"]["resourceVersion"], first.body["metadata"]["resourceVersion"]);
  EXPECT_EQ(Ask("GET", base + "?labelSelector=a b").code, 400);
}

TEST_F(ApiServerTest, TablesHaveColumnsAndAges) {
  Create(Cluster("a"));
  clock_.Advance(std::chrono::minutes(7) + std::chrono::seconds(55));
  Merge(Path("a") + "/status",
        {{"status",
          {{"phase", "Ready"},
           {"masters", {{"desired", 1}, {"ready", 1}}},
           {"conditions", json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
  const Reply table = Ask("GET", kClusters, nullptr, "",
                          "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  EXPECT_EQ(table.body["kind"], "Table");
  EXPECT_EQ(table.body["columnDefinitions"].size(), table.body["rows"][0]["cells"].size());
  const json wanted = {"a", "True", "1/1", nullptr, "Ready", "7m55s", nullptr, "process"};
  EXPECT_EQ(table.body["rows"][0]["cells"], wanted);
  EXPECT_EQ(Raw("GET", kClusters, "", "", "application/vnd.kubernetes.protobuf").status, 406);
}

TEST_F(ApiServerTest, AWatchTellsOfChangesInOrder) {
  const json created = Create(Cluster("a"));
  const std::string version = created["metadata"]["resourceVersion"];
  const auto watch =
      Raw("GET", fmt::format("{}?watch=true&resourceVersion={}", kClusters, version));
  ASSERT_EQ(watch.status, 200);
  Create(Cluster("b"));
  EXPECT_THAT(Read(watch), ElementsAre("ADDED b"));
  Merge(Path("a"), {{"spec", {{"paused", true}}}});
  Ask("DELETE", Path("b"));
  EXPECT_THAT(Read(watch), ElementsAre("MODIFIED a", "DELETED b"));
  EXPECT_EQ(TextAt(last_event_, "object.metadata.resourceVersion"),
            std::to_string(store_->version()));
}

TEST_F(ApiServerTest, AWatchWithASelectorSeesObjectsComeAndGo) {
  Create(Cluster("a"));
  const auto watch = Raw("GET", fmt::format("{}?watch=1&labelSelector=on=yes&resourceVersion={}",
                                            kClusters, store_->version()));
  Merge(Path("a"), {{"metadata", {{"labels", {{"on", "yes"}}}}}});
  EXPECT_THAT(Read(watch), ElementsAre("ADDED a"));
  Merge(Path("a"), {{"metadata", {{"labels", {{"on", "no"}}}}}});
  EXPECT_THAT(Read(watch), ElementsAre("DELETED a"));
}

TEST_F(ApiServerTest, AWatchStartsWithWhatIsThereWhenAsked) {
  Create(Cluster("a"));
  EXPECT_THAT(Read(Raw("GET", std::string(kClusters) + "?watch=true")), ElementsAre("ADDED a"));
  const auto watch = Raw("GET", std::string(kClusters) +
                                    "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true"
                                    "&resourceVersionMatch=NotOlderThan");
  EXPECT_THAT(Read(watch), ElementsAre("ADDED a", "BOOKMARK "));
  EXPECT_EQ(last_event_["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
  EXPECT_EQ(Ask("GET", std::string(kClusters) + "?watch=true&sendInitialEvents=true").code, 422);
}

TEST_F(ApiServerTest, AWatchFromTooLongAgoEndsWithExpired) {
  Create(Cluster("a"));
  for (int i = 0; i < 100; ++i) Merge(Path("a"), {{"spec", {{"paused", i % 2 == 0}}}});
  const auto watch = Raw("GET", std::string(kClusters) + "?watch=true&resourceVersion=1");
  EXPECT_EQ(watch.status, 200);
  EXPECT_THAT(Read(watch), ElementsAre("ERROR "));
  EXPECT_EQ(last_event_["object"]["code"], 410);
  EXPECT_EQ(last_event_["object"]["reason"], "Expired");
  EXPECT_THAT(Read(watch), ElementsAre("end"));
}

TEST_F(ApiServerTest, DryRunsStoreNothing) {
  EXPECT_EQ(Ask("POST", std::string(kClusters) + "?dryRun=All", Cluster("a")).code, 201);
  EXPECT_EQ(Ask("GET", Path("a")).code, 404);
  Create(Cluster("a"));
  EXPECT_EQ(Merge(Path("a") + "?dryRun=All", {{"spec", {{"paused", true}}}}).body["spec"]["paused"],
            true);
  EXPECT_EQ(Ask("DELETE", Path("a") + "?dryRun=All").body["status"], "Success");
  EXPECT_EQ(Ask("GET", Path("a")).body["spec"]["paused"], false);
}

TEST_F(ApiServerTest, ScaleIsTheNumberOfWorkers) {
  Create(Cluster("a"));
  const Reply scaled = Merge(Path("a") + "/scale", {{"spec", {{"replicas", 4}}}});
  EXPECT_EQ(scaled.body["kind"], "Scale");
  EXPECT_EQ(scaled.body["spec"]["replicas"], 4);
  EXPECT_EQ(Ask("GET", Path("a")).body["spec"]["worker"]["replicas"], 4);
  EXPECT_EQ(Merge(Path("a") + "/scale", {{"spec", {{"replicas", -1}}}}).code, 422);
}

TEST_F(ApiServerTest, SecretsTakePlainTextAndKeepBase64) {
  const json secret =
      Create({{"metadata", {{"name", "s"}}}, {"stringData", {{"key", "value"}}}}, kSecrets);
  EXPECT_EQ(secret["data"]["key"], "dmFsdWU=");
  EXPECT_EQ(secret["type"], "Opaque");
  EXPECT_FALSE(secret.contains("stringData"));
  EXPECT_EQ(Ask("POST", kSecrets, {{"metadata", {{"name", "t"}}}, {"data", {{"key", "???"}}}}).code,
            422);
}

TEST_F(ApiServerTest, EventsAreOneKindInTwoGroups) {
  Create({{"metadata", {{"name", "e"}}},
          {"regarding", {{"kind", "CacheCluster"}, {"name", "a"}, {"namespace", "default"}}},
          {"reason", "Started"},
          {"note", "it runs"},
          {"type", "Normal"}},
         "/apis/events.k8s.io/v1/namespaces/default/events");
  const Reply core =
      Ask("GET", "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=a");
  ASSERT_THAT(Names(core), ElementsAre("e"));
  EXPECT_EQ(core.body["items"][0]["message"], "it runs");
  EXPECT_EQ(core.body["items"][0]["apiVersion"], "v1");
  const Reply ours =
      Ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name=a");
  ASSERT_THAT(Names(ours), ElementsAre("e"));
  EXPECT_EQ(ours.body["items"][0]["note"], "it runs");
}

TEST_F(ApiServerTest, DiscoveryComesInBothForms) {
  const std::string aggregated =
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  const Reply all = Ask("GET", "/apis", nullptr, "", aggregated);
  EXPECT_EQ(all.body["kind"], "APIGroupDiscoveryList");
  EXPECT_EQ(all.body["items"][1]["metadata"]["name"], "headpond.dev");
  EXPECT_EQ(all.body["items"][1]["versions"][0]["resources"][0]["shortNames"], json({"cc"}));
  EXPECT_EQ(Ask("GET", "/apis").body["kind"], "APIGroupList");
  const Reply list = Ask("GET", "/apis/headpond.dev/v1alpha1");
  EXPECT_EQ(list.body["resources"][0]["name"], "cacheclusters");
  EXPECT_EQ(Ask("GET", "/version").body["minor"], "34");
  EXPECT_EQ(Raw("GET", "/readyz").body, "ok");
}

TEST_F(ApiServerTest, OpenApiDescribesEveryFieldOfTheTable) {
  const json index = Ask("GET", "/openapi/v3").body;
  const std::string url = index["paths"]["apis/headpond.dev/v1alpha1"]["serverRelativeURL"];
  const json document = Ask("GET", url).body;
  const json& schema =
      document["components"]["schemas"]["headpond.dev.v1alpha1.CacheCluster"]["properties"]["spec"];
  for (const api::Field& field : api::CacheClusterFields()) {
    std::string pointer;
    for (std::string_view rest = field.path; !rest.empty();) {
      const size_t dot = rest.find('.');
      std::string part(rest.substr(0, dot));
      rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
      const bool item = part.ends_with("[]");
      if (item) part.resize(part.size() - 2);
      pointer += "/properties/" + part + (item ? "/items" : "");
    }
    ASSERT_TRUE(schema.contains(json::json_pointer(pointer))) << pointer;
    EXPECT_EQ(schema.at(json::json_pointer(pointer + "/description")), field.description);
  }
  EXPECT_THAT(schema["properties"]["env"]["items"]["required"], ElementsAre("name"));
}

TEST_F(ApiServerTest, ProtobufBodiesOfBuiltInKindsAreTaken) {
  const char* const media = "application/vnd.kubernetes.protobuf";
  const std::string accept = std::string(media) + ",application/json";
  const std::string magic("k8s\0", 4);
  // {1: {1: "v1", 2: "Secret"}, 2: {1: {1: "s"}, 4: {1: "key", 2: "value"}}}
  const std::string secret = magic + "\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x13\x0a\x03\x0a\x01s" +
                             "\x22\x0c\x0a\x03key\x12\x05value";
  const auto created = Raw("POST", kSecrets, secret, media, accept);
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(json::parse(created.body)["data"]["key"], "dmFsdWU=");
  EXPECT_EQ(Raw("POST", "/api/v1/namespaces/default/configmaps", secret, media, accept).status,
            400);
  EXPECT_EQ(Raw("PUT", std::string(kSecrets) + "/s", secret, media, media).status, 406);
  // {1: {1: "v1", 2: "DeleteOptions"}, 2: {2: {1: "other"}}}
  const std::string options =
      magic + "\x0a\x13\x0a\x02v1\x12\x0d" + "DeleteOptions" + "\x12\x09\x12\x07\x0a\x05other";
  EXPECT_EQ(Raw("DELETE", std::string(kSecrets) + "/s", options, media, accept).status, 409);
  EXPECT_EQ(Raw("DELETE", std::string(kSecrets) + "/s", magic, media, accept).status, 400);
}

TEST_F(ApiServerTest, HostileBodiesAreRefused) {
  EXPECT_EQ(Raw("POST", kClusters, std::string(100'000, '['), "application/json").status, 400);
  EXPECT_EQ(Raw("POST", kClusters, "{\"a\":", "application/json").status, 400);
  EXPECT_EQ(Raw("POST", kClusters, "[]", "application/json").status, 400);
  EXPECT_EQ(Raw("POST", kClusters, "k8s", "application/vnd.kubernetes.protobuf").status, 415);
  EXPECT_EQ(Raw("POST", kSecrets, "k8s", "application/vnd.kubernetes.protobuf").status, 400);
  EXPECT_EQ(Raw("POST", kClusters, R"({"metadata": 1, "spec": 2})", "application/json").status,
            422);
  Create(Cluster("a"));
  EXPECT_EQ(Merge(Path("a"), {{"metadata", 5}}).code, 400);
  EXPECT_EQ(Merge(Path("a"), json::array()).code, 400);
  EXPECT_EQ(Merge(Path("a"), {{"metadata", {{"labels", {1, 2}}, {"ownerReferences", {1}}}}}).code,
            422);
}

}  // namespace
}  // namespace headpond::apiserver

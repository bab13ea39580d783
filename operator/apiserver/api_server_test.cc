#include "operator/apiserver/api_server_testing.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ApiServerTest : public ApiServerFixture {};

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

TEST_F(ApiServerTest, PagesShowTheStateOfTheFirstOne) {
  for (const char* const name : {"a", "b", "d"}) Create(Cluster(name));
  const std::string base = kClusters;
  const Reply first = Ask("GET", base + "?limit=1");
  const std::string next =
      base + "?limit=2&continue=" + first.body["metadata"]["continue"].get<std::string>();
  Create(Cluster("c"));
  Merge(Path("b"), {{"spec", {{"paused", true}}}});
  Merge(Path("b"), {{"metadata", {{"labels", {{"x", "y"}}}}}});
  Ask("DELETE", Path("d"));
  Create(Cluster("d"));
  Create(Cluster("e"));
  Ask("DELETE", Path("e"));
  const Reply rest = Ask("GET", next);
  EXPECT_THAT(Names(rest), ElementsAre("b", "d"));
  EXPECT_EQ(rest.body["items"][0]["spec"]["paused"], false);
  EXPECT_FALSE(rest.body["items"][0]["metadata"].contains("labels"));
  EXPECT_EQ(rest.body["metadata"]["resourceVersion"], first.body["metadata"]["resourceVersion"]);
  EXPECT_THAT(Names(Ask("GET", base)), ElementsAre("a", "b", "c", "d"));
}

TEST_F(ApiServerTest, APageOfAForgottenStateIsExpiredAndGoesOnWithTheLatest) {
  for (const char* const name : {"a", "b", "c", "d"}) Create(Cluster(name));
  const std::string base = kClusters;
  const Reply first = Ask("GET", base + "?limit=1");
  const std::string version = first.body["metadata"]["resourceVersion"];
  for (int i = 0; i < 100; ++i) Merge(Path("c"), {{"spec", {{"paused", i % 2 == 0}}}});
  Ask("DELETE", Path("b"));
  const Reply old = Ask(
      "GET", base + "?limit=1&continue=" + first.body["metadata"]["continue"].get<std::string>());
  EXPECT_EQ(old.code, 410);
  EXPECT_EQ(old.body["reason"], "Expired");
  const auto page = [&](const Reply& before) {
    return Ask("GET", base + "?limit=1&continue=" +
                          before.body["metadata"]["continue"].get<std::string>());
  };
  const Reply inconsistent = page(old);
  EXPECT_THAT(Names(inconsistent), ElementsAre("c"));
  EXPECT_NE(inconsistent.body["metadata"]["resourceVersion"], version);
  // From there on all pages are of one state again.
  Ask("DELETE", Path("d"));
  const Reply last = page(inconsistent);
  EXPECT_THAT(Names(last), ElementsAre("d"));
  EXPECT_EQ(last.body["metadata"]["resourceVersion"],
            inconsistent.body["metadata"]["resourceVersion"]);
  const Reply exact = Ask("GET", base + "?resourceVersionMatch=Exact&resourceVersion=" + version);
  EXPECT_EQ(exact.code, 410);
  EXPECT_EQ(exact.body["message"], "The resourceVersion for the provided list is too old.");
}

TEST_F(ApiServerTest, AnExactListIsOfItsVersionAlsoInPages) {
  for (const char* const name : {"a", "b", "c"}) Create(Cluster(name));
  const std::string base = kClusters;
  const std::string version = Ask("GET", base).body["metadata"]["resourceVersion"];
  Ask("DELETE", Path("a"));
  Ask("DELETE", Path("c"));
  const std::string exact = base + "?resourceVersionMatch=Exact&resourceVersion=" + version;
  EXPECT_THAT(Names(Ask("GET", exact)), ElementsAre("a", "b", "c"));
  const Reply first = Ask("GET", exact + "&limit=2");
  EXPECT_EQ(first.body["metadata"]["resourceVersion"], version);
  EXPECT_EQ(first.body["metadata"]["remainingItemCount"], 1);
  EXPECT_THAT(Names(Ask("GET", base + "?limit=2&continue=" +
                                   first.body["metadata"]["continue"].get<std::string>())),
              ElementsAre("c"));
}

TEST_F(ApiServerTest, LabelsCanBeComparedAsNumbers) {
  for (const char* const number : {"1", "2", "10", "x"}) {
    json object = Cluster(fmt::format("c{}", number));
    object["metadata"]["labels"] = {{"n", number}};
    Create(object);
  }
  const std::string base = std::string(kClusters) + "?labelSelector=";
  EXPECT_THAT(Names(Ask("GET", base + "n>1")), ElementsAre("c10", "c2"));
  EXPECT_THAT(Names(Ask("GET", base + "n<2")), ElementsAre("c1"));
  EXPECT_EQ(Ask("GET", base + "n>x").code, 400);
}

TEST_F(ApiServerTest, ListsOfBuiltInKindsSayTheKindOnce) {
  const std::string secrets = "/api/v1/namespaces/default/secrets";
  Ask("POST", secrets, {{"metadata", {{"name", "s"}}}});
  const json list = Ask("GET", secrets).body;
  EXPECT_EQ(list["kind"], "SecretList");
  EXPECT_FALSE(list["items"][0].contains("kind"));
  EXPECT_FALSE(list["metadata"].contains("continue"));
  Create(Cluster("a"));
  const json clusters = Ask("GET", kClusters).body;
  EXPECT_EQ(clusters["items"][0]["kind"], "CacheCluster");
  EXPECT_EQ(clusters["metadata"]["continue"], "");
}

TEST_F(ApiServerTest, RefusesWhatKubernetesRefuses) {
  Create(Cluster("a"));
  EXPECT_EQ(Ask("POST", kClusters, {{"metadata", {{"name", "b"}}}}).code, 400) << "no kind";
  EXPECT_EQ(Merge(Path("a"), {{"metadata", {{"name", "b"}}}}).code, 400) << "another name";
  EXPECT_EQ(
      Ask("GET", std::string(kClusters) + "?resourceVersion=1&resourceVersionMatch=Some").code,
      422);
  EXPECT_EQ(Ask("POST", std::string(kClusters) + "?fieldManager=a\x01", Cluster("b")).code, 422);
}

TEST_F(ApiServerTest, OnlyTheServerChangesANamespacesPhase) {
  const Reply reply = Merge("/api/v1/namespaces/default", {{"status", {{"phase", "Terminating"}}}});
  EXPECT_EQ(reply.code, 200);
  EXPECT_EQ(reply.body["status"]["phase"], "Active");
}

TEST_F(ApiServerTest, AStatusFollowsItsSchema) {
  Create(Cluster("a"));
  const std::string status = Path("a") + "/status";
  EXPECT_EQ(Merge(status, {{"status", {{"phase", 5}}}}).code, 422);
  const json twice = {{"type", "Ready"}, {"status", "True"}};
  const Reply reply = Merge(status, {{"status", {{"conditions", {twice, twice}}}}});
  EXPECT_EQ(reply.code, 422);
  EXPECT_EQ(reply.body["details"]["causes"][0]["field"], "status.conditions[1]");
  EXPECT_EQ(reply.body["details"]["causes"][0]["reason"], "FieldValueDuplicate");
  const json written =
      Merge(status, {{"status", {{"phase", "Ready"}, {"unknown", 1}}}}).body["status"];
  EXPECT_EQ(written, json({{"phase", "Ready"}}));
}

TEST_F(ApiServerTest, TablesHaveColumnsAndAges) {
  Create(Cluster("a"));
  clock_.Advance(std::chrono::minutes(7) + std::chrono::seconds(55));
  Merge(Path("a") + "/status",
        {{"status",
          {{"phase", "Ready"},
           {"masters", {{"desired", 1}, {"ready", 1}, {"summary", "1/1"}}},
           {"conditions", json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
  const Reply table = Ask("GET", kClusters, nullptr, "",
                          "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  EXPECT_EQ(table.body["kind"], "Table");
  EXPECT_EQ(table.body["columnDefinitions"].size(), table.body["rows"][0]["cells"].size());
  const json wanted = {"a", "True", "1/1", nullptr, nullptr, "Ready", "7m55s", nullptr, "process"};
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

TEST_F(ApiServerTest, TheOwnerMayDoEverything) {
  const std::string access = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const Reply allowed =
      Ask("POST", access, {{"spec", {{"resourceAttributes", {{"verb", "delete"}}}}}});
  EXPECT_EQ(allowed.code, 201);
  EXPECT_EQ(allowed.body["status"]["allowed"], true);
  EXPECT_EQ(allowed.body["kind"], "SelfSubjectAccessReview");
  EXPECT_EQ(Ask("POST", access, {{"spec", json::object()}}).code, 422);
  EXPECT_EQ(Ask("GET", access).code, 405);
  const Reply rules = Ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                          {{"spec", {{"namespace", "default"}}}});
  EXPECT_THAT(rules.body["status"]["resourceRules"][0]["verbs"], ElementsAre("*"));
  const Reply who =
      Ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json::object());
  EXPECT_EQ(who.body["status"]["userInfo"]["username"], "headpond-owner");
}

TEST_F(ApiServerTest, AnObjectWhoseOwnerIsNotThereIsCollected) {
  json object = {{"metadata",
                  {{"name", "s"},
                   {"ownerReferences", json::array({{{"apiVersion", "headpond.dev/v1alpha1"},
                                                     {"kind", "CacheCluster"},
                                                     {"name", "a"},
                                                     {"uid", "gone"}}})}}}};
  Create(object, kSecrets);
  EXPECT_THAT(Names(Ask("GET", kSecrets)), IsEmpty());
  // Pods are kept elsewhere.
  object["metadata"]["ownerReferences"][0]["kind"] = "Pod";
  object["metadata"]["ownerReferences"][0]["apiVersion"] = "v1";
  Create(object, kSecrets);
  EXPECT_THAT(Names(Ask("GET", kSecrets)), ElementsAre("s"));
}

TEST_F(ApiServerTest, AChangedUidIsRefused) {
  json object = Create(Cluster("a"));
  EXPECT_EQ(Merge(Path("a"), {{"metadata", {{"uid", "other"}}}}).code, 422);
  object["metadata"]["uid"] = "other";
  EXPECT_EQ(Ask("PUT", Path("a"), object).code, 409);
}

TEST_F(ApiServerTest, ListOptionsThatMeanNothingAreRefused) {
  const std::string base = kClusters;
  EXPECT_EQ(Ask("GET", base + "?sendInitialEvents=true").code, 422);
  EXPECT_EQ(Ask("GET", base + "?resourceVersionMatch=Exact").code, 422);
  EXPECT_EQ(Ask("GET", base + "?resourceVersion=x").code, 400);
  EXPECT_EQ(Ask("GET", base + "?continue=x").code, 400);
  EXPECT_EQ(Ask("GET", base + "?continue=1/default/a&resourceVersion=5").code, 400);
  EXPECT_EQ(Ask("GET", base + "?includeObject=Some").code, 400);
  const std::string one = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
  const std::string list = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
  EXPECT_EQ(Ask("GET", base, nullptr, "", one).code, 406);
  EXPECT_EQ(Ask("GET", base, nullptr, "", list).body["kind"], "PartialObjectMetadataList");
}

TEST_F(ApiServerTest, EventsOfWhichNothingIsHeardForAnHourAreGone) {
  constexpr const char* kEvents = "/apis/events.k8s.io/v1/namespaces/default/events";
  const auto add = [&](const std::string& name) {
    Create({{"apiVersion", "events.k8s.io/v1"},
            {"kind", "Event"},
            {"metadata", {{"name", name}}},
            {"eventTime", "2000-01-01T00:00:00.000000Z"},
            {"type", "Normal"},
            {"reason", "Ready"},
            {"action", "Reconcile"},
            {"reportingController", "test"},
            {"reportingInstance", "test"},
            {"regarding", {{"kind", "CacheCluster"}, {"name", "a"}, {"namespace", "default"}}}},
           kEvents);
  };
  add("old");
  clock_.Advance(std::chrono::minutes(31));
  add("new");
  clock_.Advance(std::chrono::minutes(30));
  server_->ExpireEvents();
  EXPECT_THAT(Names(Ask("GET", kEvents)), ElementsAre("new"));
}

}  // namespace
}  // namespace headpond::apiserver

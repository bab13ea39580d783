// What clients send: kinds of bodies and patches, what they may hold, and who owns what they set.
#include "operator/apiserver/api_server_testing.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class ApiServerBodiesTest : public ApiServerFixture {};

TEST_F(ApiServerBodiesTest, ABadFieldIsRefusedWithItsPath) {
  const Reply reply =
      Ask("POST", kClusters, Cluster("a", {{"worker", {{"replicas", "two"}}}, {"paused", 1}}));
  EXPECT_EQ(reply.code, 422);
  EXPECT_THAT(
      reply.body.at("message").get<std::string>(),
      HasSubstr("CacheCluster.headpond.dev \"a\" is invalid: [spec.paused: Invalid value: 1"));
  const json& causes = reply.body.at("details").at("causes");
  ASSERT_THAT(causes, SizeIs(2));
  EXPECT_EQ(causes[1].at("field"), "spec.worker.replicas");
  EXPECT_EQ(causes[1].at("reason"), "FieldValueTypeInvalid");
  EXPECT_EQ(Ask("POST", kClusters, Cluster("Not_A_Name")).code, 422);
}

TEST_F(ApiServerBodiesTest, UnknownFieldsArePrunedWithAWarningOrRefused) {
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

TEST_F(ApiServerBodiesTest, JsonPatchesWorkAsAWhole) {
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

TEST_F(ApiServerBodiesTest, SaysWhichPatchesItDoesNotTake) {
  Create(Cluster("a"));
  for (const char* const media :
       {"application/strategic-merge-patch+json", "application/apply-patch+cbor", "text/plain"}) {
    const Reply refused = Ask("PATCH", Path("a"), Cluster("a"), media);
    EXPECT_EQ(refused.code, 415);
    EXPECT_THAT(refused.body.at("message").get<std::string>(),
                HasSubstr("application/apply-patch+yaml"));
  }
}

TEST_F(ApiServerBodiesTest, EveryWriterOwnsWhatItSet) {
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

TEST_F(ApiServerBodiesTest, ServerSideApplyCreatesThenChangesThenRemoves) {
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

TEST_F(ApiServerBodiesTest, ServerSideApplyTakesYamlAndDryRuns) {
  const std::string yaml =
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: value}\n";
  const std::string target = std::string(kSecrets) + "/s?fieldManager=x";
  EXPECT_EQ(Raw("PATCH", target + "&dryRun=All", yaml, "application/apply-patch+yaml").status, 201);
  EXPECT_EQ(Ask("GET", std::string(kSecrets) + "/s").code, 404);
  EXPECT_EQ(Raw("PATCH", target, yaml, "application/apply-patch+yaml").status, 201);
  EXPECT_EQ(Ask("GET", std::string(kSecrets) + "/s").body["data"]["key"], "dmFsdWU=");
}

TEST_F(ApiServerBodiesTest, ServerSideApplySaysWhatIsWrongWithTheRequest) {
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
TEST_F(ApiServerBodiesTest, ManagedFieldsCanBeMovedByAJsonPatch) {
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

TEST_F(ApiServerBodiesTest, SecretsTakePlainTextAndKeepBase64) {
  const json secret =
      Create({{"metadata", {{"name", "s"}}}, {"stringData", {{"key", "value"}}}}, kSecrets);
  EXPECT_EQ(secret["data"]["key"], "dmFsdWU=");
  EXPECT_EQ(secret["type"], "Opaque");
  EXPECT_FALSE(secret.contains("stringData"));
  EXPECT_EQ(Ask("POST", kSecrets, {{"metadata", {{"name", "t"}}}, {"data", {{"key", "???"}}}}).code,
            400);
}

TEST_F(ApiServerBodiesTest, SecretsOfKnownTypesHoldWhatTheTypeSays) {
  const auto make = [&](const std::string& type, const json& data) {
    return Ask("POST", kSecrets,
               {{"metadata", {{"generateName", "s"}}}, {"type", type}, {"stringData", data}});
  };
  const std::string docker = "kubernetes.io/dockerconfigjson";
  const Reply missing = make(docker, {{"password", "x"}});
  EXPECT_EQ(missing.code, 422);
  EXPECT_EQ(missing.body["details"]["causes"][0]["field"], "data[.dockerconfigjson]");
  EXPECT_EQ(missing.body["details"]["causes"][0]["reason"], "FieldValueRequired");
  const Reply no_json = make(docker, {{".dockerconfigjson", "topsecret"}});
  EXPECT_EQ(no_json.code, 422);
  EXPECT_THAT(no_json.body.dump(), Not(HasSubstr("topsecret")));
  EXPECT_EQ(make(docker, {{".dockerconfigjson", R"({"auths": {}})"}}).code, 201);
  EXPECT_EQ(make("kubernetes.io/tls", {{"tls.crt", "x"}}).code, 422);
  EXPECT_EQ(make("kubernetes.io/basic-auth", {{"password", "x"}}).code, 201);
  EXPECT_EQ(make("kubernetes.io/basic-auth", {{"x", "x"}}).body["details"]["causes"].size(), 2u);
  EXPECT_EQ(make("of.us/own", {{"x", "x"}}).code, 201);
}

TEST_F(ApiServerBodiesTest, EventsAreOneKindInTwoGroups) {
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
  EXPECT_EQ(core.body["apiVersion"], "v1");
  const Reply ours =
      Ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name=a");
  ASSERT_THAT(Names(ours), ElementsAre("e"));
  EXPECT_EQ(ours.body["items"][0]["note"], "it runs");
}

TEST_F(ApiServerBodiesTest, ProtobufBodiesOfBuiltInKindsAreTaken) {
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

TEST_F(ApiServerBodiesTest, AFieldThatIsThereTwiceIsToldOrRefused) {
  const std::string body =
      R"({"apiVersion": "headpond.dev/v1alpha1", "kind": "CacheCluster", "metadata": {"name": "a"},
          "spec": {"paused": false, "paused": true, "b1": 1,
                   "env": [{"name": "A"}, {"name": "B", "value": "1", "value": "2"}]}})";
  const auto strict = Raw("POST", std::string(kClusters) + "?fieldValidation=Strict", body);
  EXPECT_EQ(strict.status, 400);
  EXPECT_EQ(json::parse(strict.body)["message"],
            "CacheCluster in version \"v1alpha1\" cannot be handled as a CacheCluster: strict "
            "decoding error: duplicate field \"spec.paused\", duplicate field "
            "\"spec.env[1].value\", unknown field \"spec.b1\"");
  const auto warned = Raw("POST", kClusters, body);
  EXPECT_EQ(warned.status, 201);
  EXPECT_EQ(warned.headers.count("Warning"), 3u);
  EXPECT_EQ(Raw("PUT", Path("a") + "?fieldValidation=Ignore", warned.body).headers.count("Warning"),
            0u);
}

TEST_F(ApiServerBodiesTest, BuiltInKindsKnowTheirFieldsAndTypes) {
  const auto secret = [&](const json& more, const char* query = "") {
    json object = {{"metadata", {{"name", "s"}}}};
    object.merge_patch(more);
    return Ask("POST", std::string(kSecrets) + query, object);
  };
  EXPECT_EQ(
      secret({{"datas", {{"a", "b"}}}}, "?fieldValidation=Strict").body["message"],
      "Secret in version \"v1\" cannot be handled as a Secret: strict decoding error: unknown "
      "field \"datas\"");
  EXPECT_EQ(secret({{"metadata", {{"nam", "x"}}}}, "?fieldValidation=Strict").code, 400);
  EXPECT_EQ(secret({{"metadata", {{"labels", {{"a", 1}}}}}}).body["message"],
            "Secret in version \"v1\" cannot be handled as a Secret: metadata.labels[a]: must be a "
            "string: quote it");
  EXPECT_EQ(secret({{"immutable", "yes"}}).code, 400);
  EXPECT_EQ(secret({{"metadata", {{"finalizers", "x.dev/y"}}}}).code, 400);
  EXPECT_FALSE(secret({{"datas", 1}}).body.contains("datas"));
}

TEST_F(ApiServerBodiesTest, LeaseTimesHaveMicroseconds) {
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  const json spec = {{"holderIdentity", "me"},
                     {"leaseDurationSeconds", 15},
                     {"acquireTime", "2026-01-02T03:04:05Z"},
                     {"renewTime", "2026-01-02T05:04:05.1234567+02:00"}};
  const json created = Create({{"metadata", {{"name", "l"}}}, {"spec", spec}}, leases);
  EXPECT_EQ(created["spec"]["acquireTime"], "2026-01-02T03:04:05.000000Z");
  EXPECT_EQ(created["spec"]["renewTime"], "2026-01-02T03:04:05.123456Z");
  EXPECT_EQ(Merge(leases + "/l", {{"spec", {{"leaseDurationSeconds", 0}}}}).code, 422);
  EXPECT_EQ(Merge(leases + "/l", {{"spec", {{"renewTime", "now"}}}}).code, 400);
  // A PUT makes one that is missing.
  EXPECT_EQ(Ask("PUT", leases + "/m", {{"metadata", {{"name", "m"}}}, {"spec", spec}}).code, 201);
}

TEST_F(ApiServerBodiesTest, StrategicPatchesMergeListsThatHaveKeys) {
  Create({{"metadata", {{"name", "s"}, {"finalizers", {"a.dev/a", "b.dev/b"}}}},
          {"stringData", {{"x", "1"}, {"y", "2"}}}},
         kSecrets);
  const auto patch = [&](const char* text) {
    return Ask("PATCH", std::string(kSecrets) + "/s", json::parse(text),
               "application/strategic-merge-patch+json");
  };
  EXPECT_THAT(patch(R"({"metadata": {"finalizers": ["c.dev/c"],
                        "$setElementOrder/finalizers": ["c.dev/c"]}})")
                  .body["metadata"]["finalizers"],
              ElementsAre("a.dev/a", "b.dev/b", "c.dev/c"));
  EXPECT_THAT(patch(R"({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b.dev/b"]}})")
                  .body["metadata"]["finalizers"],
              ElementsAre("a.dev/a", "c.dev/c"));
  EXPECT_EQ(patch(R"({"data": {"x": null}})").body["data"], json::parse(R"({"y": "Mg=="})"));
  EXPECT_EQ(patch(R"({"data": {"$patch": "replace", "z": "Mw=="}})").body["data"],
            json::parse(R"({"z": "Mw=="})"));
  const char* const owner = R"({"metadata": {"ownerReferences": [{"uid": "%", "name": "n",
      "kind": "Pod", "apiVersion": "v1"}]}})";
  for (const char* const uid : {"u1", "u2", "u1"}) {
    std::string text = owner;
    text.replace(text.find('%'), 1, uid);
    patch(text.c_str());
  }
  const json owners = Ask("GET", std::string(kSecrets) + "/s").body["metadata"]["ownerReferences"];
  EXPECT_THAT(owners, SizeIs(2));
  EXPECT_THAT(patch(R"({"metadata": {"ownerReferences": [{"uid": "u1", "$patch": "delete"}]}})")
                  .body["metadata"]["ownerReferences"],
              SizeIs(1));
}

TEST_F(ApiServerBodiesTest, AnswersAndBodiesMayBeYaml) {
  const auto created =
      Raw("POST", kSecrets, "metadata: {name: s}\nstringData: {a: b}\n", "application/yaml");
  EXPECT_EQ(created.status, 201) << created.body;
  const auto shown = Raw("GET", std::string(kSecrets) + "/s", "", "", "application/yaml");
  EXPECT_EQ(shown.content_type, "application/yaml");
  EXPECT_THAT(shown.body, HasSubstr("\nkind: Secret\n"));
  EXPECT_THAT(Raw("GET", std::string(kSecrets) + "/t", "", "", "application/yaml").body,
              HasSubstr("reason: NotFound"));
  EXPECT_THAT(Raw("GET", std::string(kSecrets) + "/s?pretty=true").body,
              HasSubstr("\n  \"kind\": \"Secret\""));
}

TEST_F(ApiServerBodiesTest, NamesAreMadeAndChecked) {
  json object = Cluster("");
  object["metadata"] = {{"generateName", "made-"}};
  const std::string name = Create(object)["metadata"]["name"];
  EXPECT_EQ(name.size(), 10u);
  const std::string longest(64, 'a');
  for (const auto& [path, body] : {std::pair<std::string, json>{kClusters, Cluster(longest)},
                                   {"/api/v1/namespaces", {{"metadata", {{"name", longest}}}}},
                                   {kSecrets, {{"metadata", {{"name", std::string(254, 'a')}}}}}}) {
    const Reply refused = Ask("POST", path, body);
    EXPECT_EQ(refused.code, 422) << refused.body;
    EXPECT_EQ(refused.body["details"]["causes"][0]["field"], "metadata.name");
  }
  object = Cluster("a");
  object["metadata"]["labels"] = {{"team", longest}};
  const Reply label = Ask("POST", kClusters, object);
  EXPECT_EQ(label.code, 422);
  EXPECT_THAT(label.body["message"].get<std::string>(), HasSubstr("at most 63"));
}

// Ten aliases of ten aliases, ten times: thirty lines that stand for ten thousand million values.
TEST_F(ApiServerBodiesTest, YamlThatBlowsUpIsRefused) {
  std::string text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\na0: &a0 [x]\n";
  for (int i = 1; i <= 10; ++i) {
    text += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) text += fmt::format("{}*a{}", j == 0 ? "" : ", ", i - 1);
    text += "]\n";
  }
  for (const char* const media : {"application/apply-patch+yaml", "application/yaml"}) {
    const bool apply = std::string_view(media).find("apply") != std::string_view::npos;
    const auto reply = apply
                           ? Raw("PATCH", std::string(kSecrets) + "/s?fieldManager=x", text, media)
                           : Raw("POST", kSecrets, text, media);
    EXPECT_EQ(reply.status, 400);
    EXPECT_THAT(reply.body, HasSubstr("error decoding YAML"));
  }
}

TEST_F(ApiServerBodiesTest, HostileBodiesAreRefused) {
  EXPECT_EQ(Raw("POST", kClusters, std::string(100'000, '['), "application/json").status, 400);
  const auto deep = Raw("PATCH", Path("a") + "?fieldManager=x", std::string(100'000, '['),
                        "application/apply-patch+yaml");
  EXPECT_EQ(deep.status, 400);
  http::Request large{.method = "POST", .path = kClusters, .body_too_large = true};
  EXPECT_THAT(server_->Handle(large).body, HasSubstr("limit is 3145728"));
  EXPECT_EQ(Raw("POST", kClusters, "{\"a\":", "application/json").status, 400);
  EXPECT_EQ(Raw("POST", kClusters, "[]", "application/json").status, 400);
  EXPECT_EQ(Raw("POST", kClusters, "k8s", "application/vnd.kubernetes.protobuf").status, 415);
  EXPECT_EQ(Raw("POST", kSecrets, "k8s", "application/vnd.kubernetes.protobuf").status, 400);
  EXPECT_EQ(Raw("POST", kClusters, R"({"metadata": 1, "spec": 2})", "application/json").status, 400)
      << "no kind";
  Create(Cluster("a"));
  EXPECT_EQ(Merge(Path("a"), {{"metadata", 5}}).code, 400);
  EXPECT_EQ(Merge(Path("a"), json::array()).code, 400);
  EXPECT_EQ(Merge(Path("a"), {{"metadata", {{"labels", {1, 2}}, {"ownerReferences", {1}}}}}).code,
            400);
}

}  // namespace
}  // namespace headpond::apiserver

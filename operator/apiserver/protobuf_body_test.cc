#include "operator/apiserver/protobuf_body.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// The wire format, as little of it as the cases need.
std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string Bytes(int number, std::string_view value) {
  return Varint(static_cast<uint64_t>(number) << 3 | 2) + Varint(value.size()) + std::string(value);
}
std::string Number(int number, uint64_t value) {
  return Varint(static_cast<uint64_t>(number) << 3) + Varint(value);
}
std::string Body(const char* version, const char* kind, const std::string& object) {
  return std::string("k8s\0", 4) + Bytes(1, Bytes(1, version) + Bytes(2, kind)) + Bytes(2, object);
}

json Decoded(const std::string& body) {
  const auto decoded = DecodeProtobuf(body);
  return decoded.ok() ? *decoded : json(decoded.status().message);
}

TEST(ProtobufBodyTest, AMetadataIsRead) {
  const std::string owner = Bytes(1, "CacheCluster") + Bytes(3, "a") + Bytes(4, "u-1") +
                            Bytes(5, "headpond.dev/v1alpha1") + Number(6, 1) + Number(7, 0);
  const std::string metadata =
      Bytes(1, "s") + Bytes(2, "") + Bytes(3, "team") + Bytes(5, "") + Number(7, 0) +
      Bytes(8, Number(1, 1'700'000'000)) + Bytes(11, Bytes(1, "app") + Bytes(2, "x")) +
      Bytes(11, Bytes(1, "empty")) + Bytes(13, owner) + Bytes(14, "a.dev/b") +
      Bytes(14, "c.dev/d") + Bytes(17, Bytes(1, "someone"));
  EXPECT_EQ(Decoded(Body("v1", "ConfigMap", Bytes(1, metadata))), json::parse(R"({
      "apiVersion": "v1", "kind": "ConfigMap",
      "metadata": {
        "name": "s", "namespace": "team", "creationTimestamp": "2023-11-14T22:13:20Z",
        "labels": {"app": "x", "empty": ""}, "finalizers": ["a.dev/b", "c.dev/d"],
        "ownerReferences": [{"kind": "CacheCluster", "name": "a", "uid": "u-1",
            "apiVersion": "headpond.dev/v1alpha1", "controller": true,
            "blockOwnerDeletion": false}]}})"));
}

TEST(ProtobufBodyTest, EveryKindIsRead) {
  const std::string time = Bytes(3, Number(1, 1'700'000'000) + Number(2, 123'456'789));
  const struct {
    std::string body;
    const char* object;
  } cases[] = {
      {Body("v1", "Namespace", Bytes(2, Bytes(1, "kubernetes"))),
       R"({"spec": {"finalizers": ["kubernetes"]}})"},
      {Body("v1", "Secret",
            Bytes(2, Bytes(1, "key") + Bytes(2, std::string("\xff\0", 2))) + Bytes(3, "Opaque") +
                Bytes(4, Bytes(1, "plain") + Bytes(2, "text")) + Number(5, 1)),
       R"({"data": {"key": "/wA="}, "type": "Opaque", "stringData": {"plain": "text"},
           "immutable": true})"},
      {Body("v1", "ConfigMap", Bytes(2, Bytes(1, "k") + Bytes(2, "v")) + Bytes(3, Bytes(1, "b"))),
       R"({"data": {"k": "v"}, "binaryData": {"b": ""}})"},
      {Body("coordination.k8s.io/v1", "Lease",
            Bytes(2, Bytes(1, "") + Number(2, 15) + time + Number(5, 0))),
       R"({"spec": {"holderIdentity": "", "leaseDurationSeconds": 15,
           "acquireTime": "2023-11-14T22:13:20.123456Z", "leaseTransitions": 0}})"},
      {Body("v1", "Event",
            Bytes(2, Bytes(3, "a")) + Bytes(4, "text") + Number(8, 2) + Bytes(10, "")),
       R"({"involvedObject": {"name": "a"}, "message": "text", "count": 2})"},
      {Body("events.k8s.io/v1", "Event", Bytes(8, Bytes(3, "a")) + Bytes(10, "text")),
       R"({"regarding": {"name": "a"}, "note": "text"})"},
      {Body("v1", "DeleteOptions",
            Number(1, 0) + Bytes(2, Bytes(1, "u")) + Bytes(4, "Orphan") + Bytes(5, "All")),
       R"({"gracePeriodSeconds": 0, "preconditions": {"uid": "u"}, "propagationPolicy": "Orphan",
           "dryRun": ["All"]})"},
      {Body("authorization.k8s.io/v1", "SelfSubjectAccessReview",
            Bytes(2, Bytes(1, Bytes(2, "get") + Bytes(5, "secrets")))),
       R"({"spec": {"resourceAttributes": {"verb": "get", "resource": "secrets"}}})"},
      {Body("authorization.k8s.io/v1", "SelfSubjectRulesReview", Bytes(2, Bytes(1, "team"))),
       R"({"spec": {"namespace": "team"}})"},
  };
  for (const auto& one : cases) {
    json object = Decoded(one.body);
    ASSERT_TRUE(object.is_object()) << object;
    object.erase("kind");
    object.erase("apiVersion");
    EXPECT_EQ(object, json::parse(one.object));
  }
}

TEST(ProtobufBodyTest, WhatItDoesNotKnowIsSkipped) {
  const std::string unknown = Number(90, 1) + Bytes(91, "x") + Varint(92 << 3 | 1) +
                              std::string(8, 'x') + Varint(93 << 3 | 5) + std::string(4, 'x');
  EXPECT_EQ(Decoded(Body("v1", "Secret", unknown + Bytes(3, "t")))["type"], "t");
}

TEST(ProtobufBodyTest, MalformedBodiesAreRefusedWithTheField) {
  const std::string good = Body("v1", "Secret", Bytes(1, Bytes(1, "name")));
  const struct {
    std::string body;
    const char* message;
  } cases[] = {
      {"", "the first four bytes"},
      {"{}", "the first four bytes"},
      {std::string("k8s\0\xff", 5), "the envelope"},
      {good.substr(0, good.size() - 2), "the envelope"},
      {Body("v1", "Secret", Bytes(1, "\x0a\x7f")), "malformed protobuf at .metadata"},
      {Body("v1", "Secret", Number(1, 5)), "malformed protobuf at .metadata"},
      {Body("v1", "Secret", "\x0b"), "malformed protobuf"},
      {Body("v1", "Secret", std::string(12, '\xff')), "malformed protobuf"},
      {Body("v1", "Secret", Bytes(1, Bytes(1, "\xed\xa0\x80"))), ".metadata.name"},
      {Body("v1", "Secret", Bytes(1, Bytes(1, "\xc0\x80"))), ".metadata.name"},
      {Body("v1", "Secret", Bytes(1, Bytes(8, Number(1, 1ull << 62)))),
       ".metadata.creationTimestamp"},
      {Body("apps/v1", "Deployment", ""), "no kind \"Deployment\" of version \"apps/v1\""},
  };
  for (const auto& one : cases) {
    const auto decoded = DecodeProtobuf(one.body);
    ASSERT_FALSE(decoded.ok()) << one.message;
    EXPECT_EQ(decoded.status().code, 400);
    EXPECT_THAT(decoded.status().message, HasSubstr(one.message));
  }
}

TEST(ProtobufBodyTest, ManyTinyValuesAreRefused) {
  std::string owners;
  for (int i = 0; i <= kMaxProtobufValues; ++i) owners += Bytes(13, "");
  EXPECT_THAT(Decoded(Body("v1", "Secret", Bytes(1, owners))).get<std::string>(),
              HasSubstr(".metadata.ownerReferences: the body has more than"));
}

// Every prefix of a good body and every body with one byte changed is taken or refused, no more.
TEST(ProtobufBodyTest, DamagedBodiesDoNoHarm) {
  const std::string good = Body("v1", "Secret",
                                Bytes(1, Bytes(1, "s") + Bytes(8, Number(1, 5))) +
                                    Bytes(2, Bytes(1, "key") + Bytes(2, "value")) + Number(5, 1));
  for (size_t i = 0; i < good.size(); ++i) {
    (void)DecodeProtobuf(std::string_view(good).substr(0, i));
    for (const int change : {1, 0x80, 0xff}) {
      std::string damaged = good;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      (void)DecodeProtobuf(damaged);
    }
  }
}

}  // namespace
}  // namespace headpond::apiserver

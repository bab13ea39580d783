#include "operator/runtime/docker/endpoint.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond::runtime {
namespace {

using ::testing::HasSubstr;

TEST(EndpointTest, WithoutAWordItIsTheLocalSocket) {
  ASSERT_OK_AND_ASSIGN(const Endpoint endpoint, EndpointFrom({}));
  EXPECT_EQ(endpoint.socket, "/var/run/docker.sock");
  EXPECT_TRUE(endpoint.is_local());
  EXPECT_FALSE(endpoint.tls);
}

TEST(EndpointTest, TcpHasAPortAndMayHaveCertificates) {
  ASSERT_OK_AND_ASSIGN(const Endpoint plain, EndpointFrom({{"DOCKER_HOST", "tcp://h.example"}}));
  EXPECT_EQ(plain.host, "h.example");
  EXPECT_EQ(plain.port, 2375);
  EXPECT_FALSE(plain.is_local());
  ASSERT_OK_AND_ASSIGN(const Endpoint tls, EndpointFrom({{"DOCKER_HOST", "tcp://10.0.0.1:99"},
                                                         {"DOCKER_TLS_VERIFY", "1"},
                                                         {"DOCKER_CERT_PATH", "/c"}}));
  EXPECT_EQ(tls.port, 99);
  ASSERT_TRUE(tls.tls);
  EXPECT_EQ(tls.tls->ca, "/c/ca.pem");
  EXPECT_TRUE(tls.tls->verify);
  ASSERT_OK_AND_ASSIGN(
      const Endpoint home,
      EndpointFrom({{"DOCKER_HOST", "tcp://h"}, {"DOCKER_TLS_VERIFY", "1"}, {"HOME", "/home/a"}}));
  EXPECT_EQ(home.port, 2376);
  EXPECT_EQ(home.tls->key, "/home/a/.docker/key.pem");
}

TEST(EndpointTest, WhatCantBeUsedIsNamed) {
  for (const char* host : {"ssh://h", "npipe:////./pipe/docker", "unix://relative", "tcp://:1",
                           "tcp://h:0", "tcp://h:70000", "tcp://h:x", "h"})
    EXPECT_THAT(EndpointFrom({{"DOCKER_HOST", host}}),
                StatusIs(Code::kInvalidArgument, HasSubstr("DOCKER_HOST")))
        << host;
}

TEST(EndpointTest, ASpecMayNameAnAddressOrAContext) {
  ASSERT_OK_AND_ASSIGN(const Endpoint lab, EndpointFor({{"DOCKER_HOST", "tcp://other"}},
                                                       "unix:///lab.sock", "", "spec.x"));
  EXPECT_EQ(lab.socket, "/lab.sock");
  EXPECT_THAT(EndpointFor({}, "ssh://lab", "", "spec.x"),
              StatusIs(Code::kInvalidArgument, HasSubstr("spec.x: ssh://lab is not supported")));
  EXPECT_THAT(EndpointFor({{"HOME", "/nowhere"}}, "", "lab", "spec.y"),
              StatusIs(Code::kNotFound, HasSubstr("spec.y")));
  ASSERT_OK_AND_ASSIGN(const Endpoint local, EndpointFor({}, "", "default", "spec.y"));
  EXPECT_TRUE(local.is_local());
}

}  // namespace
}  // namespace headpond::runtime

#include "journal/embedded/grpc_transport.h"

#include <gmock/gmock.h>

#include <mutex>
#include <vector>

#include "io/mem_env.h"
#include "net/tls_testing.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::journal {
namespace {

using consensus::Message;

class RecordingReceiver final : public consensus::Receiver {
 public:
  void OnMessage(std::string bytes) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    messages_.push_back(std::move(bytes));
  }
  void OnUnreachable(uint64_t peer) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    unreachable_ += peer;
  }
  Result<std::unique_ptr<io::RandomAccessFile>> OpenSnapshot(uint64_t index) override {
    return env.OpenForRead("/" + std::to_string(index));
  }
  std::vector<std::string> messages() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return messages_;
  }
  uint64_t unreachable() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return unreachable_;
  }

  io::MemEnv env;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;
  uint64_t unreachable_ = 0;
};

// Node 1 sends to node 2.
class GrpcTransportTest : public ::testing::Test {
 protected:
  static GrpcTransportOptions Options(const std::string& cluster_id) {
    return {.bind_host = "127.0.0.1",
            .port = 0,
            .cluster_id = cluster_id,
            .security = {.secret = "s3cret"}};
  }
  void Start(const GrpcTransportOptions& from, const GrpcTransportOptions& to) {
    receiving_ = MakeGrpcTransport(to);
    ASSERT_OK(receiving_->Start(two_));
    sending_ = MakeGrpcTransport(from);
    ASSERT_OK(sending_->Start(one_));
    sending_->SetPeer(2, "127.0.0.1:" + std::to_string(receiving_->port()));
  }
  void Send(const std::string& bytes) { sending_->Send({.to = 2, .bytes = bytes}); }

  RecordingReceiver one_;
  RecordingReceiver two_;
  std::unique_ptr<GrpcTransport> receiving_;
  std::unique_ptr<GrpcTransport> sending_;
};

TEST_F(GrpcTransportTest, BringsMessagesInOrder) {
  Start(Options("c"), Options("c"));
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) {
    sent.push_back(std::to_string(i));
    Send(sent.back());
  }
  sent.push_back(std::string(10 << 20, 'x'));
  Send(sent.back());
  EXPECT_TRUE(Eventually([&] { return two_.messages().size() == sent.size(); }));
  EXPECT_EQ(two_.messages(), sent);
}

TEST_F(GrpcTransportTest, WhoDoesNotBelongToTheClusterIsTurnedAway) {
  auto stranger = Options("c");
  stranger.security.secret = "guessed";
  Start(stranger, Options("c"));
  EXPECT_TRUE(Eventually([&] {
    Send("x");
    return one_.unreachable() >= 2;
  }));
  EXPECT_THAT(sending_->FetchSnapshot(2, 7, [](std::string_view) { return Status::Ok(); }),
              StatusIs(Code::kPermissionDenied));
  EXPECT_TRUE(two_.messages().empty());
}

TEST_F(GrpcTransportTest, WithTlsOnlyWhoShowsACertificateOfTheAuthorityIsHeard) {
  const TempDirectory folder;
  const auto load = [](const net::TlsFiles& files) {
    auto tls = net::MutualTls::Load(files);
    EXPECT_OK(tls.status());
    return *tls;
  };
  auto mine = net::WriteCertificate(folder.path(), "mine");
  auto member = Options("c");
  member.security.tls = load(mine);
  Start(member, member);
  Send("x");
  EXPECT_TRUE(Eventually([&] { return !two_.messages().empty(); }));
  std::string received;
  ASSERT_OK(io::WriteFileAtomically(two_.env, "/7", "snapshot"));
  ASSERT_OK(sending_->FetchSnapshot(2, 7, [&](std::string_view chunk) {
    received += chunk;
    return Status::Ok();
  }));
  EXPECT_EQ(received, "snapshot");

  auto other = net::WriteCertificate(folder.path(), "other");
  other.authority = mine.authority;  // trusts them, and is trusted by none of them
  auto stranger = Options("c");
  const uint64_t heard = two_.messages().size();
  for (const auto& tls : {std::shared_ptr<const net::MutualTls>(), load(other)}) {
    stranger.security.tls = tls;
    auto sending = MakeGrpcTransport(stranger);
    RecordingReceiver receiver;
    ASSERT_OK(sending->Start(receiver));
    sending->SetPeer(2, "127.0.0.1:" + std::to_string(receiving_->port()));
    EXPECT_TRUE(Eventually([&] {
      sending->Send({.to = 2, .bytes = "y"});
      return receiver.unreachable() >= 2;
    }));
    sending->Stop();
  }
  EXPECT_EQ(two_.messages().size(), heard);
}

TEST_F(GrpcTransportTest, APeerThatIsNotThereIsUnreachableUntilItIs) {
  Start(Options("c"), Options("c"));
  const int port = receiving_->port();
  receiving_->Stop();
  EXPECT_TRUE(Eventually([&] {
    Send("lost");
    return one_.unreachable() >= 2;
  }));
  auto again = Options("c");
  again.port = port;
  receiving_ = MakeGrpcTransport(again);
  ASSERT_OK(receiving_->Start(two_));
  EXPECT_TRUE(Eventually([&] {
    Send("found");
    return !two_.messages().empty();
  }));
}

TEST_F(GrpcTransportTest, FetchesSnapshotsInChunks) {
  Start(Options("c"), Options("c"));
  std::string content;
  for (int i = 0; content.size() < 3u << 20; ++i) content += std::to_string(i);
  ASSERT_OK(io::WriteFileAtomically(two_.env, "/7", content));
  std::string received;
  const auto take = [&](std::string_view chunk) {
    received += chunk;
    return Status::Ok();
  };
  ASSERT_OK(sending_->FetchSnapshot(2, 7, take));
  EXPECT_TRUE(received == content);
  EXPECT_THAT(sending_->FetchSnapshot(2, 8, take), StatusIs(Code::kNotFound));
  EXPECT_THAT(sending_->FetchSnapshot(3, 7, take), StatusIs(Code::kUnavailable));
  EXPECT_THAT(
      sending_->FetchSnapshot(2, 7, [](std::string_view) { return ResourceExhausted("no room"); }),
      StatusIs(Code::kResourceExhausted));
}

TEST_F(GrpcTransportTest, APortThatIsTakenIsNamed) {
  Start(Options("c"), Options("c"));
  auto options = Options("c");
  options.port = receiving_->port();
  EXPECT_THAT(
      MakeGrpcTransport(options)->Start(one_),
      StatusIs(Code::kAlreadyExists, ::testing::HasSubstr("alluxio.master.embedded.journal.port")));
}

}  // namespace
}  // namespace headpond::journal

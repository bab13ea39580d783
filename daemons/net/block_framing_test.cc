#include "net/block_framing.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "proto/block_worker.pb.h"
#include "testing/status_matchers.h"

namespace headpond::net {
namespace {

using ::alluxio::grpc::block::ReadResponse;
using ::alluxio::grpc::block::UFS_FILE;
using ::alluxio::grpc::block::WriteRequest;
using ::alluxio::grpc::block::WriteRequestCommand;
using testing::HasSubstr;

std::string Flat(const ::grpc::ByteBuffer& buffer) {
  ::grpc::Slice slice;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

// `bytes` as a message that arrived in pieces of `piece` bytes.
::grpc::ByteBuffer InPieces(const std::string& bytes, size_t piece) {
  std::vector<::grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += piece) slices.emplace_back(bytes.substr(at, piece));
  return ::grpc::ByteBuffer(slices.data(), slices.size());
}

std::string SomeBytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  return bytes;
}

// Lengths around the steps of the varint encoding.
constexpr size_t kSizes[] = {0,     1,       2,       123,     124,     125,    126,   127,
                             128,   129,     16378,   16379,   16380,   16383,  16384, 16385,
                             65536, 1 << 20, 2097148, 2097151, 2097152, 4 << 20};

TEST(BlockFramingTest, AFramedReadResponseIsWhatProtobufWrites) {
  for (const size_t size : kSizes) {
    ReadResponse expected;
    expected.mutable_chunk()->set_data(SomeBytes(size));
    const ::grpc::Slice data(expected.chunk().data());
    EXPECT_EQ(Flat(FrameReadResponse({&data, 1})), expected.SerializeAsString()) << size;
  }
}

TEST(BlockFramingTest, AFramedWriteChunkIsWhatProtobufWrites) {
  for (const size_t size : kSizes) {
    WriteRequest expected;
    expected.mutable_chunk()->set_data(SomeBytes(size));
    const ::grpc::Slice data(expected.chunk().data());
    EXPECT_EQ(Flat(FrameWriteChunk({&data, 1})), expected.SerializeAsString()) << size;
  }
}

TEST(BlockFramingTest, DataMayComeFromSeveralPieces) {
  const std::vector<::grpc::Slice> pieces = {::grpc::Slice("ab"), ::grpc::Slice(""),
                                             ::grpc::Slice("cde")};
  EXPECT_EQ(Flat(FrameReadResponse(pieces)),
            "\x0A\x07\x0A\x05"
            "abcde");
  EXPECT_EQ(Flat(FrameWriteChunk(pieces)),
            "\x12\x07\x0A\x05"
            "abcde");
}

TEST(BlockFramingTest, FramingReferencesTheCallersMemory) {
  auto owner = std::make_shared<const std::string>(SomeBytes(100'000));
  const std::weak_ptr<const std::string> alive = owner;
  {
    const ::grpc::Slice data = SliceOf(owner, owner->data(), owner->size());
    const char* const memory = owner->data();
    owner.reset();
    const ::grpc::ByteBuffer message = FrameReadResponse({&data, 1});
    const auto parsed = ParseReadResponse(message);
    ASSERT_TRUE(parsed.ok());
    ASSERT_EQ(parsed->slices.size(), 1u);
    EXPECT_EQ(reinterpret_cast<const char*>(parsed->slices[0].begin()), memory) << "copied";
    EXPECT_FALSE(alive.expired());
  }
  EXPECT_TRUE(alive.expired());
}

TEST(BlockFramingTest, ParsesWhateverPiecesTheMessageArrivesIn) {
  for (const size_t size : {0u, 1u, 127u, 128u, 1000u}) {
    const std::string data = SomeBytes(size);
    ReadResponse response;
    response.mutable_chunk()->set_data(data);
    WriteRequest request;
    request.mutable_chunk()->set_data(data);
    for (const size_t piece : {1u, 2u, 3u, 5u, 64u, 5000u}) {
      const auto read = ParseReadResponse(InPieces(response.SerializeAsString(), piece));
      ASSERT_OK(read);
      EXPECT_EQ(read->ToString(), data);
      const auto write = ParseWriteRequest(InPieces(request.SerializeAsString(), piece));
      ASSERT_OK(write);
      EXPECT_EQ(write->command, nullptr);
      EXPECT_EQ(write->data.ToString(), data);
    }
  }
}

TEST(BlockFramingTest, CopiesRangesOfAChunk) {
  const auto chunk =
      ParseReadResponse(InPieces("\x0A\x07\x0A\x05"
                                 "abcde",
                                 2));
  ASSERT_OK(chunk);
  std::string out(3, '.');
  const auto copy = [&](size_t offset) {
    out.assign(3, '.');
    return chunk->CopyTo(std::as_writable_bytes(std::span(out)), offset);
  };
  EXPECT_EQ(copy(0), 3u);
  EXPECT_EQ(out, "abc");
  EXPECT_EQ(copy(3), 2u);
  EXPECT_EQ(out, "de.");
  EXPECT_EQ(copy(5), 0u);
  EXPECT_EQ(copy(99), 0u);
}

TEST(BlockFramingTest, ACommandIsParsedAsOne) {
  WriteRequestCommand command;
  command.set_type(UFS_FILE);
  command.set_id(-1);
  command.mutable_create_ufs_file_options()->set_ufs_path("/mnt/a");
  const auto message = ParseWriteRequest(FrameWriteCommand(command));
  ASSERT_OK(message);
  ASSERT_NE(message->command, nullptr);
  EXPECT_EQ(message->command->SerializeAsString(), command.SerializeAsString());
  EXPECT_EQ(message->data.size, 0u);
}

TEST(BlockFramingTest, OtherEncodingsOfTheSameMessageAreAccepted) {
  const std::string cases[] = {
      std::string("\x0A\x83\x80\x00\x0A\x01x", 7),  // a length longer than it needs to be
      "\x0A\x03\x0A\x01x"
      "\x78\x01",  // an unknown field after the chunk
      "\x78\x01"
      "\x0A\x03\x0A\x01x",  // and before it
      "\x0A\x05\x0A\x01x"
      "\x78\x01",  // and inside
      "\x0A\x03\x0A\x01y"
      "\x0A\x03\x0A\x01x",  // the last of two counts
  };
  for (const std::string& bytes : cases) {
    const auto chunk = ParseReadResponse(InPieces(bytes, 100));
    ASSERT_OK(chunk);
    EXPECT_EQ(chunk->ToString(), "x") << testing::PrintToString(bytes);
  }
}

TEST(BlockFramingTest, RefusesMalformedMessages) {
  const std::string cases[] = {
      "\x0A",                                      // no length
      "\x0A\x80",                                  // an unfinished length
      "\x0A\x04\x0A\x02x",                         // shorter than it says
      "\x0A\x02\x0A\x03xyz",                       // inner length beyond the outer
      "\x0A\xFF\xFF\xFF\xFF\x0F\x0A\x01x",         // 4 GiB
      "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",  // overflow
      "plain text",
  };
  for (const std::string& bytes : cases) {
    EXPECT_THAT(ParseReadResponse(InPieces(bytes, 3)), StatusIs(Code::kInvalidArgument))
        << testing::PrintToString(bytes);
    std::string write = bytes;
    write[0] = '\x12';
    EXPECT_THAT(ParseWriteRequest(InPieces(write, 3)), StatusIs(Code::kInvalidArgument))
        << testing::PrintToString(write);
  }
}

TEST(BlockFramingTest, RefusesMessagesWithoutContent) {
  for (const ::grpc::ByteBuffer& empty : {::grpc::ByteBuffer(), InPieces("", 1)}) {
    EXPECT_THAT(ParseReadResponse(empty), StatusIs(Code::kInvalidArgument));
    EXPECT_THAT(ParseWriteRequest(empty), StatusIs(Code::kInvalidArgument));
  }
  EXPECT_THAT(ParseReadResponse(InPieces("\x78\x01", 9)),
              StatusIs(Code::kInvalidArgument, HasSubstr("no data")));
  EXPECT_THAT(ParseWriteRequest(InPieces("\x78\x01", 9)),
              StatusIs(Code::kInvalidArgument, HasSubstr("neither")));
}

}  // namespace
}  // namespace headpond::net

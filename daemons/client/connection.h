#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "client/types.h"

namespace grpc {
class ByteBuffer;
}
namespace google::protobuf {
class MessageLite;
}

namespace headpond::client {

using Millis = std::chrono::milliseconds;

// A bidirectional stream of raw messages, driven by one thread at a time. Every wait ends after
// `timeout` without progress, with DeadlineExceeded. Destroying it cancels what still runs.
//
// The messages are not parsed here: block data stays in the slices that gRPC received it in.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Sends `message`, after waiting for the message before it to be taken by the transport: that is
  // the back-pressure. False when the stream is broken: Finish tells why.
  virtual Result<bool> Write(const grpc::ByteBuffer& message, Millis timeout) = 0;
  // True while no earlier message is on its way, so that Write would not wait. For
  // acknowledgements, which are better skipped than waited for.
  virtual bool CanWrite() = 0;
  // Half-closes.
  virtual Result<bool> WritesDone(Millis timeout) = 0;
  // The next message; nullopt at the end of the stream: Finish tells why.
  virtual Result<std::optional<grpc::ByteBuffer>> Read(Millis timeout) = 0;
  // Waits for the server's verdict. Pending messages of the server are dropped.
  virtual Status Finish(Millis timeout) = 0;
  virtual void Cancel() = 0;
};

// An authenticated connection to one server, shared by all threads. Thread safe.
class Connection {
 public:
  virtual ~Connection() = default;

  // One call without retries. `method` is the path,
  // "/alluxio.grpc.file.FileSystemMasterClientService/GetStatus".
  virtual Status Unary(const char* method, const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite& response, Millis timeout) = 0;
  // One call over the connection's lane; the response's bytes. nullopt: there is no lane for it,
  // and nothing has happened. See net::LaneClient.
  virtual std::optional<Result<std::string>> LaneCall(const char* method,
                                                      const google::protobuf::MessageLite& request,
                                                      Millis timeout) = 0;
  // The stream must not outlive the connection.
  virtual Result<std::unique_ptr<ByteStream>> OpenStream(const char* method) = 0;
  // Ends all calls and streams that are under way, and all later ones, with codes that mean "again,
  // over another connection". Whether a server that does not answer did what it was asked is open.
  virtual void Close() = 0;
  virtual const std::string& target() const = 0;
};

}  // namespace headpond::client

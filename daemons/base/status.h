#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace headpond {

// Outcome classes. Names and numbers are gRPC's (net/grpc_status.h maps one to one), because a stock
// client derives its Java exception from the code alone (compat/behaviour.md section 2).
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "NOT_FOUND" for Code::kNotFound, ...
std::string_view CodeName(Code code);

// The result of something that can fail: nothing at all when it worked (one null pointer), else a code
// and a message that names the field, the value and the remedy. A value type; immutable once made, so
// copies may be shared between threads.
class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(Code code, std::string message);

  static Status Ok() { return Status(); }

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  const std::string& message() const;

  // "OK", or "NOT_FOUND: no such file: /a".
  std::string ToString() const;

  // The same code with `context` and ": " before the message. OK stays OK.
  Status WithContext(std::string_view context) const;

  friend bool operator==(const Status& a, const Status& b) {
    return a.code() == b.code() && a.message() == b.message();
  }

 private:
  struct Rep {
    Code code;
    std::string message;
  };
  std::shared_ptr<const Rep> rep_;
};

// Makers, with fmt syntax: NotFound("no such file or directory: {}", path).
#define HEADPOND_DEFINE_STATUS_MAKER(Name, kCode)                        \
  template <typename... Args>                                            \
  Status Name(fmt::format_string<Args...> format, Args&&... args) {      \
    return Status(kCode, fmt::format(format, std::forward<Args>(args)...)); \
  }
HEADPOND_DEFINE_STATUS_MAKER(Cancelled, Code::kCancelled)
HEADPOND_DEFINE_STATUS_MAKER(Unknown, Code::kUnknown)
HEADPOND_DEFINE_STATUS_MAKER(InvalidArgument, Code::kInvalidArgument)
HEADPOND_DEFINE_STATUS_MAKER(DeadlineExceeded, Code::kDeadlineExceeded)
HEADPOND_DEFINE_STATUS_MAKER(NotFound, Code::kNotFound)
HEADPOND_DEFINE_STATUS_MAKER(AlreadyExists, Code::kAlreadyExists)
HEADPOND_DEFINE_STATUS_MAKER(PermissionDenied, Code::kPermissionDenied)
HEADPOND_DEFINE_STATUS_MAKER(ResourceExhausted, Code::kResourceExhausted)
HEADPOND_DEFINE_STATUS_MAKER(FailedPrecondition, Code::kFailedPrecondition)
HEADPOND_DEFINE_STATUS_MAKER(Aborted, Code::kAborted)
HEADPOND_DEFINE_STATUS_MAKER(OutOfRange, Code::kOutOfRange)
HEADPOND_DEFINE_STATUS_MAKER(Unimplemented, Code::kUnimplemented)
HEADPOND_DEFINE_STATUS_MAKER(Internal, Code::kInternal)
HEADPOND_DEFINE_STATUS_MAKER(Unavailable, Code::kUnavailable)
HEADPOND_DEFINE_STATUS_MAKER(DataLoss, Code::kDataLoss)
HEADPOND_DEFINE_STATUS_MAKER(Unauthenticated, Code::kUnauthenticated)
#undef HEADPOND_DEFINE_STATUS_MAKER

// Maps an errno to a Status: ENOENT -> NotFound, EEXIST -> AlreadyExists, EACCES/EPERM/EROFS ->
// PermissionDenied, ENOSPC/EDQUOT/ENOMEM/EMFILE -> ResourceExhausted, ENOTEMPTY -> FailedPrecondition,
// EINVAL/ENAMETOOLONG/ENOTDIR/EISDIR -> InvalidArgument, else Internal. The message is
// "<what>: <strerror text>".
Status ErrnoStatus(int error_number, std::string_view what);

// The inverse, for FUSE and tests: the errno a POSIX caller expects for `code`.
int ToErrno(Code code);

}  // namespace headpond

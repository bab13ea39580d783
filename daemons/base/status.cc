#include "base/status.h"

#include <cerrno>
#include <system_error>

namespace headpond {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kCancelled: return "CANCELLED";
    case Code::kUnknown: return "UNKNOWN";
    case Code::kInvalidArgument: return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded: return "DEADLINE_EXCEEDED";
    case Code::kNotFound: return "NOT_FOUND";
    case Code::kAlreadyExists: return "ALREADY_EXISTS";
    case Code::kPermissionDenied: return "PERMISSION_DENIED";
    case Code::kResourceExhausted: return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition: return "FAILED_PRECONDITION";
    case Code::kAborted: return "ABORTED";
    case Code::kOutOfRange: return "OUT_OF_RANGE";
    case Code::kUnimplemented: return "UNIMPLEMENTED";
    case Code::kInternal: return "INTERNAL";
    case Code::kUnavailable: return "UNAVAILABLE";
    case Code::kDataLoss: return "DATA_LOSS";
    case Code::kUnauthenticated: return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

Status::Status(Code code, std::string message) {
  if (code != Code::kOk) rep_ = std::make_shared<const Rep>(Rep{code, std::move(message)});
}

const std::string& Status::message() const {
  static const std::string kEmpty;
  return rep_ ? rep_->message : kEmpty;
}

std::string Status::ToString() const {
  return ok() ? "OK" : fmt::format("{}: {}", CodeName(code()), message());
}

Status Status::WithContext(std::string_view context) const {
  return ok() ? *this : Status(code(), fmt::format("{}: {}", context, message()));
}

Status ErrnoStatus(int error_number, std::string_view what) {
  const Code code = [&] {
    switch (error_number) {
      case ENOENT: return Code::kNotFound;
      case EEXIST: return Code::kAlreadyExists;
      case EACCES:
      case EPERM:
      case EROFS: return Code::kPermissionDenied;
      case ENOSPC:
      case EDQUOT:
      case ENOMEM:
      case ENFILE:
      case EMFILE: return Code::kResourceExhausted;
      case ENOTEMPTY: return Code::kFailedPrecondition;
      case EINVAL:
      case ENAMETOOLONG:
      case ELOOP:
      case ENOTDIR:
      case EISDIR: return Code::kInvalidArgument;
      case ETIMEDOUT: return Code::kDeadlineExceeded;
      case ECONNREFUSED:
      case ECONNRESET:
      case EHOSTUNREACH:
      case ENETUNREACH: return Code::kUnavailable;
      default: return Code::kInternal;
    }
  }();
  return Status(code, fmt::format("{}: {}", what, std::generic_category().message(error_number)));
}

int ToErrno(Code code) {
  switch (code) {
    case Code::kOk: return 0;
    case Code::kCancelled: return ECANCELED;
    case Code::kInvalidArgument: return EINVAL;
    case Code::kDeadlineExceeded: return ETIMEDOUT;
    case Code::kNotFound: return ENOENT;
    case Code::kAlreadyExists: return EEXIST;
    case Code::kPermissionDenied:
    case Code::kUnauthenticated: return EACCES;
    case Code::kResourceExhausted: return ENOSPC;
    case Code::kFailedPrecondition: return ENOTEMPTY;
    case Code::kAborted: return EAGAIN;
    case Code::kOutOfRange: return ERANGE;
    case Code::kUnimplemented: return ENOSYS;
    case Code::kUnavailable: return EHOSTDOWN;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss: return EIO;
  }
  return EIO;
}

}  // namespace headpond

#pragma once

#include <functional>
#include <memory>
#include <set>

#include "base/result.h"

namespace grpc {
class Service;
}
namespace alluxio::grpc::version {
enum ServiceType : int;
}

namespace headpond::net {

// Tells clients which version of each service this process speaks. Clients ask before they use a
// service, without authentication, and refuse one whose number is not theirs; they also find the
// primary of several masters by asking each (compat/behaviour.md sections 3 and 12). Thread safe.
class VersionService {
 public:
  using ServiceType = ::alluxio::grpc::version::ServiceType;

  // `services` are those that this process serves. `is_primary` is asked on each call, from a gRPC
  // thread, and must not block; null for processes without standbys.
  VersionService(std::set<ServiceType> services, std::function<bool()> is_primary);
  ~VersionService();

  ::grpc::Service& service();

  // The answer to one request. `allowed_on_standby` is what the client set: true from those who
  // only check the version, false from those who look for the primary. Errors: NotFound for a
  // service this process does not serve; Unavailable on a standby.
  Result<int64_t> Version(ServiceType type, bool allowed_on_standby) const;

 private:
  class Impl;

  const std::set<ServiceType> services_;
  const std::function<bool()> is_primary_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::net

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/http_server.h"

namespace headpond::testing_operator {

// What a container of the fake engine runs: something that listens on the ports named on its
// command line and answers the probe of its role. Of several masters, the first of their list says
// that it leads. Ends with its destruction.
class FakeContainerProcess {
 public:
  // `live_workers` tells what a master answers. Null with a reason when a port is taken.
  static Result<std::unique_ptr<FakeContainerProcess>> Start(const std::vector<std::string>& args,
                                                             std::function<int()> live_workers);

  const std::string& role() const { return role_; }

 private:
  FakeContainerProcess() = default;
  std::string role_;
  std::unique_ptr<http::HttpServer> rpc_, http_;
};

}  // namespace headpond::testing_operator

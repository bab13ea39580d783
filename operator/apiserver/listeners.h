#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "operator/apiserver/api_server.h"

namespace headpond::apiserver {

// The embedded API of one home folder: store, server and listeners, and the files by which clients
// find it:
//
//   <folder>/api.db           objects
//   <folder>/api.sock         a socket: the folder's owner needs no token
//   <folder>/token            the bearer token
//   <folder>/server.{crt,key} the certificate, made at the first start
//   <folder>/kubeconfig       for kubectl: address, certificate and token
class EmbeddedApi {
 public:
  struct Options {
    std::string folder;                           // private to its owner; created if need be
    int port = 0;                                 // on 127.0.0.1; 0: any free one
    Faults* faults = nullptr;                     // see ApiServer::Options
    std::vector<ResourceType> opaque_kinds = {};  // the same
  };
  // Serves when it returns. Errors: Unavailable when another server has the folder or the port is
  // taken; else those of files. `clock` must outlive it.
  static Result<std::unique_ptr<EmbeddedApi>> Start(Options options, const Clock& clock);
  ~EmbeddedApi();  // ends watches, waits for running requests

  int port() const { return port_; }
  std::string kubeconfig_path() const { return options_.folder + "/kubeconfig"; }
  std::string socket_path() const { return options_.folder + "/api.sock"; }
  ApiServer& server() { return *server_; }
  ObjectStore& store() { return *store_; }

 private:
  explicit EmbeddedApi(Options options) : options_(std::move(options)) {}
  Status Open(const Clock& clock);
  Status Listen();
  Status WriteKubeconfig();

  const Options options_;
  std::string token_;
  int port_ = 0;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<http::HttpServer> socket_, loopback_;
  std::unique_ptr<PeriodicTask> event_expiry_;  // the last three end first
};

}  // namespace headpond::apiserver

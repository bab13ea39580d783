#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "http/http_server.h"
#include "operator/controller/reconcile_stats.h"
#include "operator/kube/client.h"

namespace headpond::operator_daemon {

// What monitors ask of an operator, over HTTP:
//
//   /healthz  200 while the loop turns; 503 when a pass has taken longer than kStuck
//   /readyz   200 when the operator acts, or waits while another one leads
//   /metrics  Prometheus text under controller-runtime's and client-go's names
//
// Thread safe.
class Monitor {
 public:
  static constexpr std::chrono::minutes kStuck{2};

  explicit Monitor(const Clock& clock) : clock_(clock) {}

  // Serves on this port, on loopback unless `host` says otherwise. Unavailable when it is taken.
  Status Serve(const std::string& host, int port);
  int port() const { return port_; }
  void Stop();

  // A pass over everything begins and ends.
  void PassBegins() { pass_began_ms_ = clock_.NowMs(); }
  void PassEnds() { pass_began_ms_ = 0; }
  void SetReady() { ready_ = true; }
  void SetLeads(bool leads) { leads_ = leads; }
  // An API server's answer; 0: none came.
  void Answered(const std::string& method, int code) EXCLUDES(mutex_);
  controller::ReconcileStats& clusters() { return clusters_; }
  controller::ReconcileStats& tasks() { return tasks_; }
  controller::ReconcileStats& backups() { return backups_; }
  controller::ReconcileStats& restores() { return restores_; }

  bool Healthy() const;
  bool ready() const { return ready_; }
  std::string MetricsText() const EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  int port_ = 0;
  std::atomic<int64_t> pass_began_ms_ = 0;  // 0: none runs
  std::atomic<bool> ready_ = false, leads_ = false;
  controller::ReconcileStats clusters_, tasks_, backups_, restores_;
  mutable Mutex mutex_;
  std::map<std::pair<std::string, int>, int64_t> answers_ GUARDED_BY(mutex_);  // method and code
  std::unique_ptr<http::HttpServer> server_;
};

// Of clients whose answers the monitor counts; it must outlive them.
kube::Client::Options TellingOptions(Monitor& monitor);

}  // namespace headpond::operator_daemon

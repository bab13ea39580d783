#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "operator/kube/lease.h"

namespace headpond::kube {

class Client;

// Where the lease is kept. Used by one thread at a time.
class LeaseStore {
 public:
  virtual ~LeaseStore() = default;
  // A record without version when there is none yet.
  virtual Result<LeaseRecord> Read() = 0;
  // Stores `record` in place of the version it names; returns it with the new one. Aborted or
  // AlreadyExists when somebody else was first.
  virtual Result<LeaseRecord> Write(const LeaseRecord& record) = 0;
};

// The Lease `name` of an API server. `client` must outlive it.
std::unique_ptr<LeaseStore> ApiLease(Client& client, std::string name_space, std::string name);

// Competes for a lease, so that of several operators one acts. Every write of a controller asks
// Leads() first; once it was lost, it never comes back in this object: who acted gives up all that
// it knows and begins anew with another one, of the same identity or not. Thread safe.
class Elector {
 public:
  // `on_change` is called, from the elector's thread, when Leads() has become true, and when it was
  // true and was lost. All must outlive the elector.
  Elector(ElectionOptions options, LeaseStore& store, const Clock& clock,
          std::function<void(bool leads)> on_change);
  ~Elector();  // Stop()

  void Start();
  // Gives the lease up, if it is held, so that the next one need not wait. Idempotent.
  void Stop();

  bool Leads() const EXCLUDES(mutex_);
  // Who holds the lease, as far as this one knows; empty: nobody.
  std::string holder() const EXCLUDES(mutex_);

  // One look at the lease; what the thread does each retry period. For tests.
  void Tick();

 private:
  const ElectionOptions options_;
  LeaseStore& store_;
  const Clock& clock_;
  const std::function<void(bool)> on_change_;
  mutable Mutex mutex_;
  Election election_ GUARDED_BY(mutex_);
  bool led_ GUARDED_BY(mutex_) = false;
  bool lost_ GUARDED_BY(mutex_) = false;
  std::optional<std::chrono::steady_clock::time_point> told_at_;  // of failures in a row
  std::unique_ptr<PeriodicTask> ticks_;
};

}  // namespace headpond::kube

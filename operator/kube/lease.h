#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"

namespace headpond::kube {

// What a coordination.k8s.io/v1 Lease says.
struct LeaseRecord {
  std::string holder;  // empty: nobody
  std::chrono::seconds duration{15};
  int64_t acquired_ms = 0, renewed_ms = 0;  // the holder's wall clock: for people only
  int64_t transitions = 0;
  std::string resource_version;  // empty: there is no such object

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

// InvalidArgument when the object is no Lease. A record without holder when `object` has none.
Result<LeaseRecord> ReadLease(const nlohmann::json& object);
nlohmann::json ToLease(const LeaseRecord& record, const std::string& name_space,
                       const std::string& name);

struct ElectionOptions {
  std::string identity;  // unique among the candidates: "host_uuid"
  // As client-go's: others wait for the whole duration, we give up earlier, so that two never
  // believe to lead at once, however the wall clocks differ.
  std::chrono::seconds lease_duration{15};
  std::chrono::seconds renew_deadline{10};
  std::chrono::seconds retry_period{2};
};

// What one candidate believes: pure, moved on by what it reads and writes. Times are monotonic and
// our own: the lease of another is over when we have seen no change of it for its whole duration.
class Election {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Election(ElectionOptions options) : options_(std::move(options)) {}

  // What was read at `now`. Returns the record to write (with the version it replaces), or nothing
  // when there is nothing to do but to wait.
  std::optional<LeaseRecord> Decide(const LeaseRecord& read, Time now, int64_t wall_ms);

  // The record from Decide was stored, with the new version. `asked_at` is when the write began.
  void Stored(const LeaseRecord& record, Time asked_at);

  // Whether work may go on at `now`: only while a renewal is no older than the renew deadline. What
  // is begun must end, or be given up, before the lease duration does.
  bool Leads(Time now) const;
  // When Leads ends if nothing is renewed; nothing when it doesn't lead.
  std::optional<Time> leads_until() const;

  // The record that gives the lease up at once, for a clean stop; nothing when we don't hold it.
  std::optional<LeaseRecord> Release(int64_t wall_ms) const;

  const LeaseRecord& observed() const { return observed_; }

 private:
  const ElectionOptions options_;
  LeaseRecord observed_;
  Time observed_at_;  // of the last change of it
  bool seen_ = false;
  std::optional<Time> renewed_at_;  // our last renewal
};

}  // namespace headpond::kube

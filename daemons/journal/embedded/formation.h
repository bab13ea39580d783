#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "consensus/raft_log_folder.h"
#include "consensus/types.h"
#include "journal/embedded/membership.h"
#include "journal/embedded/quorum_security.h"

namespace headpond::journal {

struct FormationOptions {
  // Where this master listens meanwhile: alluxio.master.bind.host and
  // alluxio.master.embedded.journal.port.
  std::string bind_host = "0.0.0.0";
  int port = 19200;
  uint64_t node_id = 0;              // consensus::ReserveNodeId
  std::string address;               // "host:port", one of `masters`
  std::vector<std::string> masters;  // in rising order
  bool restores = false;             // a new cluster is to begin with a backup
  QuorumSecurity security;
  std::chrono::milliseconds interval{100};   // between two rounds of asking
  std::chrono::milliseconds timeout{1'000};  // of a question
  Random random = Random::FromSystem();      // of a new cluster's id
};

// One of the other masters that has a cluster, if any that answers has.
std::optional<MasterDescription> FindCluster(const FormationOptions& options);

// Whether this node, which was a member, is none any more: the leader answers and does not know
// it, and nobody else who answers does. Asks `masters`, for `timeout` at most.
bool WasRemoved(const consensus::NodeIdentity& own, const std::vector<std::string>& masters,
                const QuorumSecurity& security, std::chrono::milliseconds timeout);

// A master whose journal folder is blank finds out what it is to be a member of: it asks the
// others, answers when they ask, and comes to a decision (membership.h). Thread safe.
class Formation {
 public:
  explicit Formation(FormationOptions options) : options_(std::move(options)) {}

  // The cluster, and its founders when this master is one of them; format the folder with that.
  // Blocks until that is decided; what it waits for is logged, when it changes. Errors: Cancelled
  // after Stop; those of binding the port.
  struct Outcome {
    std::string cluster_id;
    consensus::Addresses founders;  // empty: this master joins
  };
  Result<Outcome> Run() EXCLUDES(mutex_);

  // Ends Run, within the time of a question.
  void Stop() EXCLUDES(mutex_);

 private:
  Result<Outcome> Decide() EXCLUDES(mutex_);
  // False when it is over.
  bool Pause() EXCLUDES(mutex_);

  const FormationOptions options_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace headpond::journal

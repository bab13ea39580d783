#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "io/env.h"
#include "journal/embedded/replicated_journal.h"
#include "journal/journal.h"

namespace headpond::journal {

// Who may write into a shared folder, decided elsewhere. Thread safe; nothing blocks.
class Leadership {
 public:
  virtual ~Leadership() = default;
  // Whether this process is the one, surely: no other can think the same at this moment.
  virtual bool Leads() const = 0;
  // The address of the one that is, as far as is known.
  virtual std::string leader() const = 0;
};

struct SharedJournalOptions {
  std::string folder;
  std::string cluster_id;  // of the folder's stamp
  std::string owner;       // this master's address, for claims and texts
  // How often a standby looks for what was added. It follows that far behind, and reads what came
  // since the last look before it leads.
  std::chrono::milliseconds poll{100};
  // What a new journal begins with, if this master begins it; may be null, and so may its result.
  std::function<Result<std::unique_ptr<SnapshotSource>>()> initial_state;
  // As those of LocalJournalOptions.
  int64_t segment_bytes = 64 << 20;
  int64_t max_pending_bytes = 64 << 20;
  int64_t max_batch_bytes = 4 << 20;
  std::chrono::microseconds gather_window{1000};
  std::chrono::milliseconds snapshot_timeout = std::chrono::minutes(5);
  Random random = Random::FromSystem();
  const Clock* clock = &Clock::System();
  MetricsRegistry* metrics = nullptr;
};

// The journal in a folder that several masters share (epochs.h). Who leads, `leadership` says; that
// nobody writes who does not lead, the folder itself sees to.
class SharedJournal : public ReplicatedJournal {
 public:
  // Something of `leadership` changed.
  virtual void OnLeadershipChange() = 0;
  // That this master writes, or wrote last; 0: none.
  virtual uint64_t epoch() const = 0;
};

// The folder is stamped already (WriteSharedStamp). `env` and `leadership` outlive the journal.
// node() is always null, and only who leads takes snapshots.
std::unique_ptr<SharedJournal> OpenSharedJournal(io::Env& env, const Leadership& leadership,
                                                 SharedJournalOptions options);

}  // namespace headpond::journal

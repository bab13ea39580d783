#pragma once

#include <grpcpp/impl/service_type.h>

#include <functional>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "consensus/consensus.h"
#include "journal/embedded/quorum_security.h"
#include "master/backups.h"

// Backups that one master of a quorum makes for the one that leads: both sides of
// proto/quorum.proto's service Backups, on alluxio.master.embedded.journal.port.
namespace headpond::master {

// Where the other masters reach this one's backups, whatever state it has at a time. Thread safe.
class BackupDesk {
 public:
  // Until Close, `backups` take orders. They have `reports`.
  void Open(Backups& backups) EXCLUDES(mutex_);
  void Close() EXCLUDES(mutex_);
  // What those remember, of one state and the next.
  const std::shared_ptr<BackupReports>& reports() const { return reports_; }

  // Errors: those of Backups::Begin; InvalidArgument for an order that names no id or no folder;
  // Unavailable while it is closed.
  Result<BackupReport> Begin(const BackupOrder& order) EXCLUDES(mutex_);
  // Of one that this master made itself, or makes.
  BackupReport Look(const std::string& id) const;

 private:
  const std::shared_ptr<BackupReports> reports_ = std::make_shared<BackupReports>();
  Mutex mutex_;
  Backups* backups_ GUARDED_BY(mutex_) = nullptr;
};

// For the port of the quorum; `desk` outlives it.
std::unique_ptr<::grpc::Service> MakeBackupService(BackupDesk& desk, std::string cluster_id,
                                                   journal::QuorumSecurity security);

// `node` gives null while there is none, and outlives it.
std::unique_ptr<BackupPeers> MakeQuorumPeers(std::string cluster_id,
                                             journal::QuorumSecurity security,
                                             std::function<consensus::Consensus*()> node);

}  // namespace headpond::master

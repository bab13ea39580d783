#include "master/lone_master.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/stop_signal.h"
#include "master/master_journal.h"
#include "master/store_setup.h"

namespace headpond::master {
namespace {

constexpr std::chrono::seconds kJournalWatch{1};

}  // namespace

Result<std::unique_ptr<LoneMaster>> LoneMaster::Create(const Config& config,
                                                       MasterOutside outside) {
  std::unique_ptr<LoneMaster> master(new LoneMaster(config, std::move(outside)));
  ASSIGN_OR_RETURN(OwnJournal journal,
                   OpenOwnJournal(master->config_, *master->outside_.env, master->metrics_));
  master->store_ = std::make_unique<MetadataStore>(NamespaceOptionsOf(master->config_),
                                                   std::move(journal.journal));
  RETURN_IF_ERROR(master->store_->Recover());
  master->backups_ =
      std::make_unique<Backups>(BackupOptionsOf(master->config_),
                                Backups::Around{.store = *master->store_,
                                                .open_ufs = master->outside_.open_ufs,
                                                .clock = Clock::System()},
                                Random::FromSystem());
  ASSIGN_OR_RETURN(master->primary_, PrimaryMaster::Create({.config = master->config_,
                                                            .clock = Clock::System(),
                                                            .metrics = master->metrics_,
                                                            .store = *master->store_,
                                                            .open_ufs = master->outside_.open_ufs,
                                                            .cluster_id = journal.cluster_id,
                                                            .backups = *master->backups_}));
  return master;
}

LoneMaster::~LoneMaster() {
  LoneMaster::Stop();
}

Status LoneMaster::Start() {
  RETURN_IF_ERROR(primary_->Start());
  snapshots_ = StartSnapshots(config_, *store_);
  journal_watch_ = std::make_unique<PeriodicTask>("journal-watch", kJournalWatch, [this] {
    if (const Status status = failure(); !status.ok()) {
      LogError("master", "{}", status.message());
      StopSignal::Request();
    }
  });
  return Status::Ok();
}

Status LoneMaster::failure() const {
  const Status status = store_->CheckWritable();
  if (status.ok() || status.code() == Code::kResourceExhausted) return Status::Ok();
  return status.WithContext("the journal can't be written any more");
}

void LoneMaster::Stop() {
  if (stopped_) return;
  stopped_ = true;
  journal_watch_.reset();
  snapshots_.reset();
  if (primary_ != nullptr) primary_->Stop();
  if (store_ != nullptr) store_->Stop();
}

}  // namespace headpond::master

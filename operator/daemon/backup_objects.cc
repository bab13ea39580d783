#include "operator/daemon/backup_objects.h"

#include <nlohmann/json.hpp>

#include "base/daemon.h"
#include "operator/api/backup.h"
#include "operator/api/field_table.h"
#include "operator/controller/object_patch.h"

namespace headpond::operator_daemon {

using nlohmann::json;

namespace {

constexpr const char* kEventController = "headpond.dev/operator";

}  // namespace

ApiBackupObjects::ApiBackupObjects(kube::Client& client, const Clock& clock, Random random,
                                   const Options& options, const std::function<void()>& changed)
    : backups_(client, clock, Random(random.Next()),
               {.resource = {std::string(api::kGroup), std::string(api::kVersion),
                             std::string(api::kBackupPlural)},
                .name_space = options.name_space,
                .may_write = options.may_write},
               changed),
      events_(client, clock, Random(random.Next()), kEventController, LocalHostName()) {}

ApiBackupObjects::~ApiBackupObjects() {
  Stop();
}

void ApiBackupObjects::Start() {
  backups_.Start();
}

void ApiBackupObjects::Stop() {
  events_.Stop();
  backups_.Stop();
}

Result<controller::BackupObjects::Listing> ApiBackupObjects::List() {
  if (!backups_.synced())
    return Unavailable("the API server has not listed its {} yet", api::kBackupPlural);
  FollowedKind::Listing listing = backups_.List();
  return Listing{.objects = std::move(listing.objects), .complete = listing.complete};
}

Status ApiBackupObjects::WriteStatus(const json& backup, const json& status) {
  return backups_.Patch(kube::NameOf(backup), controller::StatusPatch(status), "status");
}

void ApiBackupObjects::Tell(const json& backup, const controller::Notice& notice) {
  if (!backups_.MayWrite().ok()) return;
  const kube::ObjectName name = kube::NameOf(backup);
  events_.Record({.regarding = {std::string(api::kApiVersion), std::string(api::kBackupKind),
                                name.name_space, name.name, backup.at("metadata").value("uid", "")},
                  .warning = notice.warning,
                  .reason = notice.reason,
                  .action = "Reconcile",
                  .text = notice.text});
}

}  // namespace headpond::operator_daemon

#include "operator/daemon/restore_objects.h"

#include <nlohmann/json.hpp>

#include "base/daemon.h"
#include "operator/api/backup.h"
#include "operator/api/field_table.h"
#include "operator/api/restore.h"
#include "operator/controller/object_json.h"
#include "operator/controller/object_patch.h"

namespace headpond::operator_daemon {

using nlohmann::json;

namespace {

constexpr const char* kEventController = "headpond.dev/operator";

}  // namespace

ApiRestoreObjects::ApiRestoreObjects(kube::Client& client, const Clock& clock, Random random,
                                     const Options& options, const std::function<void()>& changed)
    : client_(client),
      restores_(client, clock, Random(random.Next()),
                {.resource = {std::string(api::kGroup), std::string(api::kVersion),
                              std::string(api::kRestorePlural)},
                 .name_space = options.name_space,
                 .may_write = options.may_write},
                changed),
      events_(client, clock, Random(random.Next()), kEventController, LocalHostName()) {}

ApiRestoreObjects::~ApiRestoreObjects() {
  Stop();
}

void ApiRestoreObjects::Start() {
  restores_.Start();
}

void ApiRestoreObjects::Stop() {
  events_.Stop();
  restores_.Stop();
}

Result<controller::RestoreObjects::Listing> ApiRestoreObjects::List() {
  if (!restores_.synced())
    return Unavailable("the API server has not listed its {} yet", api::kRestorePlural);
  FollowedKind::Listing listing = restores_.List();
  return Listing{.objects = std::move(listing.objects), .complete = listing.complete};
}

Result<controller::BackupState> ApiRestoreObjects::FindBackup(const std::string& name_space,
                                                              const std::string& name) {
  const auto backup = client_.Get(
      {std::string(api::kGroup), std::string(api::kVersion), std::string(api::kBackupPlural)},
      {name_space, name});
  if (backup.status().code() == Code::kNotFound)
    return NotFound("there is no Backup {} in namespace {}", name, name_space);
  RETURN_IF_ERROR(backup.status());
  return controller::ReadBackupState(controller::Member(*backup, "status"));
}

Status ApiRestoreObjects::WriteStatus(const json& restore, const json& status) {
  return restores_.Patch(kube::NameOf(restore), controller::StatusPatch(status), "status");
}

void ApiRestoreObjects::Tell(const json& restore, const controller::Notice& notice) {
  if (!restores_.MayWrite().ok()) return;
  const kube::ObjectName name = kube::NameOf(restore);
  events_.Record(
      {.regarding = {std::string(api::kApiVersion), std::string(api::kRestoreKind), name.name_space,
                     name.name, restore.at("metadata").value("uid", "")},
       .warning = notice.warning,
       .reason = notice.reason,
       .action = "Reconcile",
       .text = notice.text});
}

}  // namespace headpond::operator_daemon

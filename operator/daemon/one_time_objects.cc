#include "operator/daemon/one_time_objects.h"

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

kube::Resource ResourceOf(std::string_view plural) {
  return {std::string(api::kGroup), std::string(api::kVersion), std::string(plural)};
}

}  // namespace

const ApiOneTimeObjects::Kind ApiOneTimeObjects::kBackups = {api::kBackupKind, api::kBackupPlural};
const ApiOneTimeObjects::Kind ApiOneTimeObjects::kRestores = {api::kRestoreKind,
                                                              api::kRestorePlural};

ApiOneTimeObjects::ApiOneTimeObjects(const Kind& kind, kube::Client& client, const Clock& clock,
                                     Random random, const Options& options,
                                     const std::function<void()>& changed)
    : kind_(kind),
      objects_(client, clock, Random(random.Next()),
               {.resource = ResourceOf(kind.plural),
                .name_space = options.name_space,
                .may_write = options.may_write},
               changed),
      events_(client, clock, Random(random.Next()), kEventController, LocalHostName()) {}

ApiOneTimeObjects::~ApiOneTimeObjects() {
  Stop();
}

void ApiOneTimeObjects::Start() {
  objects_.Start();
}

void ApiOneTimeObjects::Stop() {
  events_.Stop();
  objects_.Stop();
}

Result<controller::OneTimeObjects::Listing> ApiOneTimeObjects::List() {
  if (!objects_.synced())
    return Unavailable("the API server has not listed its {} yet", kind_.plural);
  FollowedKind::Listing listing = objects_.List();
  return Listing{.objects = std::move(listing.objects), .complete = listing.complete};
}

Status ApiOneTimeObjects::WriteStatus(const json& object, const json& status) {
  return objects_.Patch(kube::NameOf(object), controller::StatusPatch(status), "status");
}

void ApiOneTimeObjects::Tell(const json& object, const controller::Notice& notice) {
  if (!objects_.MayWrite().ok()) return;
  const kube::ObjectName name = kube::NameOf(object);
  events_.Record({.regarding = {std::string(api::kApiVersion), std::string(kind_.kind),
                                name.name_space, name.name, object.at("metadata").value("uid", "")},
                  .warning = notice.warning,
                  .reason = notice.reason,
                  .action = "Reconcile",
                  .text = notice.text});
}

Result<controller::BackupState> FindBackup(kube::Client& client, const std::string& name_space,
                                           const std::string& name) {
  const auto backup = client.Get(ResourceOf(api::kBackupPlural), {name_space, name});
  if (backup.status().code() == Code::kNotFound)
    return NotFound("there is no Backup {} in namespace {}", name, name_space);
  RETURN_IF_ERROR(backup.status());
  return controller::ReadBackupState(controller::Member(*backup, "status"));
}

}  // namespace headpond::operator_daemon

#include "operator/api/backup.h"

#include <nlohmann/json.hpp>

#include "operator/api/condition_fields.h"

namespace headpond::api {
namespace {

using nlohmann::json;
using enum FieldType;

// Far more than the operator says; they keep a faulty writer from filling the store.
constexpr double kMaxText = 32768;
constexpr double kMaxPath = 4096;

const std::vector<Field>& SpecFields() {
  static const std::vector<Field> fields = {
      {.path = "clusterRef",
       .required = true,
       .description = "The CacheCluster that is backed up."},
      {.path = "clusterRef.name",
       .type = kString,
       .required = true,
       .min = 1,
       .max = 63,
       .pattern = "[a-z0-9]([a-z0-9-]*[a-z0-9])?",
       .pattern_text = "lower-case letters, digits and '-'",
       .mutability = Mutability::kImmutable,
       .description = "Its name, in the Backup's namespace."},
      {.path = "directory",
       .type = kString,
       .min = 1,
       .max = 1024,
       .pattern = kBackupUriPattern,
       .pattern_text = kBackupUriText,
       .mutability = Mutability::kImmutable,
       .description = "The folder that the file goes to: on the store of the root under-store, or "
                      "with `local` on the machine of the master that leads. Default: the "
                      "masters' `alluxio.master.backup.directory`, or `alluxio_backups` in the "
                      "root under-store."},
      {.path = "local",
       .type = kBoolean,
       .default_json = "false",
       .mutability = Mutability::kImmutable,
       .description = "Writes to the disks of the master that leads; `status.host` tells which."},
      {.path = "backoffLimit",
       .type = kInteger,
       .default_json = "2",
       .min = 0,
       .max = 100,
       .description = "How often the backup is begun again when it failed, or when the master that "
                      "made it leads no more."},
  };
  return fields;
}

const std::vector<Field>& StatusFields() {
  static const std::vector<Field> fields = WithCommonStatus({
      {.path = "phase",
       .type = kString,
       .max = 64,
       .description = "A summary for people: Pending, Running, Complete or Failed. Programs read "
                      "`conditions`."},
      {.path = "uri",
       .type = kString,
       .max = kMaxPath,
       .description = "The file, as `bootstrap.fromBackup` of a CacheCluster takes it. It is whole "
                      "once the backup is complete."},
      {.path = "host", .type = kString, .max = 255, .description = "The master that made it."},
      {.path = "entries",
       .type = kInteger,
       .min = 0,
       .description = "Files and folders in it, once it is complete."},
      {.path = "startedAt",
       .type = kString,
       .max = 64,
       .description = "When the master was first seen to make it."},
      {.path = "finishedAt", .type = kString, .max = 64, .description = "When it ended."},
      {.path = "backupId",
       .type = kString,
       .max = 128,
       .description = "The masters' name for it: `headpond fsadmin backup --look --id`."},
      {.path = "attempts",
       .type = kInteger,
       .min = 0,
       .description = "How often it was begun, or is about to be."},
      {.path = "retryAtMs",
       .type = kInteger,
       .min = 0,
       .description = "When it is begun again, in milliseconds since the epoch."},
      {.path = "message",
       .type = kString,
       .max = kMaxText,
       .description = "What is wrong or waited for."},
  });
  return fields;
}

const std::vector<Rule>& Rules() {
  static const std::vector<Rule> none;
  return none;
}

}  // namespace

Kind BackupKind() {
  return {.kind = kBackupKind,
          .plural = kBackupPlural,
          .singular = "backup",
          .short_names = {"bk"},
          .description =
              "One backup of a cluster's namespace, made once. The file stays when the "
              "Backup is deleted.",
          .spec = SpecFields(),
          .status = StatusFields(),
          .rules = Rules(),
          .columns = {
              {"Cluster", "string", ".spec.clusterRef.name", "The cluster."},
              {"Phase", "string", ".status.phase", "A summary of the conditions."},
              {"Entries", "integer", ".status.entries", "Files and folders in it."},
              {"Finished", "date", ".status.finishedAt", "Since it ended."},
              {"Age", "date", ".metadata.creationTimestamp", "Time since the object was created."},
              {"URI", "string", ".status.uri", "The file.", 1},
              {"Host", "string", ".status.host", "The master that made it.", 1},
              {"Message", "string", ".status.message", "What is wrong or waited for.", 1}}};
}

Result<Backup> ReadBackup(const json& object) {
  const Kind& kind = *FindKind(kBackupKind);
  if (const Findings findings = CheckObject(kind, object); !findings.ok())
    return InvalidArgument("{}", JoinIssues(findings.errors));
  const json spec = SpecSchema(kind).WithDefaults(SpecOf(object));
  return Backup{.metadata = ReadMetadata(object.at("metadata")),
                .spec = {.cluster = spec.at("clusterRef").at("name"),
                         .directory = spec.value("directory", ""),
                         .local = spec.at("local"),
                         .backoff_limit = spec.at("backoffLimit")}};
}

}  // namespace headpond::api

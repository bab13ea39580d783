#include "operator/api/restore.h"

#include <nlohmann/json.hpp>

#include "operator/api/backup.h"
#include "operator/api/condition_fields.h"

namespace headpond::api {
namespace {

using nlohmann::json;
using enum FieldType;

// Far more than the operator says; they keep a faulty writer from filling the store.
constexpr double kMaxText = 32768;
constexpr double kMaxPath = 4096;
constexpr double kMaxDeadlineS = 86400;

constexpr std::string_view kName = "[a-z0-9]([a-z0-9-]*[a-z0-9])?";
constexpr std::string_view kNameText = "lower-case letters, digits and '-'";
constexpr const char* kOnce = "goes with no backupRef.name: name the backup once";
constexpr const char* kNeeded = "is required without a spec.uri";

const std::vector<Field>& SpecFields() {
  static const std::vector<Field> fields = {
      {.path = "clusterRef",
       .required = true,
       .description = "The CacheCluster that is taken back."},
      {.path = "clusterRef.name",
       .type = kString,
       .required = true,
       .min = 1,
       .max = 63,
       .pattern = kName,
       .pattern_text = kNameText,
       .mutability = Mutability::kImmutable,
       .description = "Its name, in the Restore's namespace."},
      {.path = "backupRef", .description = "The Backup that it is taken back to."},
      {.path = "backupRef.name",
       .type = kString,
       .min = 1,
       .max = 63,
       .pattern = kName,
       .pattern_text = kNameText,
       .mutability = Mutability::kImmutable,
       .description = "Its name, in the Restore's namespace. It is waited for until it is "
                      "complete; once the masters are being stopped it may be deleted."},
      {.path = "uri",
       .type = kString,
       .min = 1,
       .max = kMaxPath,
       .pattern = kBackupUriPattern,
       .pattern_text = kBackupUriText,
       .mutability = Mutability::kImmutable,
       .description = "The file itself, where the first master finds it: the `uri` of a Backup's "
                      "status."},
      {.path = "deadlineSeconds",
       .type = kInteger,
       .default_json = "600",
       .min = 1,
       .max = kMaxDeadlineS,
       .mutability = Mutability::kImmutable,
       .description = "How long it may take from the stop of the masters until they serve with "
                      "the backup. After that the journals from before are put back."},
  };
  return fields;
}

const std::vector<Field>& StatusFields() {
  static const std::vector<Field> fields = WithCommonStatus({
      {.path = "phase",
       .type = kString,
       .max = 64,
       .description = "A summary for people: Pending, Accepted, Restoring, Complete or Failed. "
                      "Programs read `conditions`."},
      {.path = "step",
       .type = kString,
       .max = 64,
       .description = "How far the cluster is: Stopping, SettingAside, Starting, or, when it "
                      "failed, Withdrawing and PuttingBack."},
      {.path = "uri",
       .type = kString,
       .max = kMaxPath,
       .description = "The file, known once the Restore is accepted."},
      {.path = "startedAt",
       .type = kString,
       .max = 64,
       .description = "When the masters were first asked to stop."},
      {.path = "finishedAt", .type = kString, .max = 64, .description = "When it ended."},
      {.path = "message",
       .type = kString,
       .max = kMaxText,
       .description = "What is wrong or waited for."},
  });
  return fields;
}

void TheBackupIsNamedOnce(const json& spec, Findings& findings) {
  const bool by_name = spec.at("backupRef").contains("name"), by_uri = spec.contains("uri");
  if (by_name && by_uri) findings.errors.push_back({"spec.uri", kOnce});
  if (!by_name && !by_uri) findings.errors.push_back({"spec.backupRef.name", kNeeded});
}

const std::vector<Rule>& Rules() {
  static const std::vector<Rule> rules = {
      {.description = "A Restore has a `backupRef.name` or a `uri`, not both.",
       .cel = {{"", "!has(self.uri) || !has(self.backupRef) || !has(self.backupRef.name)", kOnce,
                ".uri"},
               {"", "has(self.uri) || (has(self.backupRef) && has(self.backupRef.name))", kNeeded,
                ".backupRef.name"}},
       .check = TheBackupIsNamedOnce},
  };
  return rules;
}

}  // namespace

Kind RestoreKind() {
  return {.kind = kRestoreKind,
          .plural = kRestorePlural,
          .singular = "restore",
          .short_names = {"rst"},
          .description =
              "Takes a cluster back to a backup, in place, once. Its masters are stopped for it, "
              "and their journals are set aside, not deleted.",
          .spec = SpecFields(),
          .status = StatusFields(),
          .rules = Rules(),
          .columns = {
              {"Cluster", "string", ".spec.clusterRef.name", "The cluster."},
              {"Phase", "string", ".status.phase", "A summary of the conditions."},
              {"Step", "string", ".status.step", "How far the cluster is."},
              {"Finished", "date", ".status.finishedAt", "Since it ended."},
              {"Age", "date", ".metadata.creationTimestamp", "Time since the object was created."},
              {"URI", "string", ".status.uri", "The file.", 1},
              {"Message", "string", ".status.message", "What is wrong or waited for.", 1}}};
}

Result<Restore> ReadRestore(const json& object) {
  const Kind& kind = *FindKind(kRestoreKind);
  if (const Findings findings = CheckObject(kind, object); !findings.ok())
    return InvalidArgument("{}", JoinIssues(findings.errors));
  const json spec = SpecSchema(kind).WithDefaults(SpecOf(object));
  return Restore{.metadata = ReadMetadata(object.at("metadata")),
                 .spec = {.cluster = spec.at("clusterRef").at("name"),
                          .backup = spec.at("backupRef").value("name", ""),
                          .uri = spec.value("uri", ""),
                          .deadline_seconds = spec.at("deadlineSeconds")}};
}

}  // namespace headpond::api

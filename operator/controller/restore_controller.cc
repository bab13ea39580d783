#include "operator/controller/restore_controller.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/log.h"
#include "operator/controller/object_json.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::string_view kComponent = "restores";

bool IsGoing(const json& object) {
  return object.at("metadata").contains("deletionTimestamp");
}

std::tuple<std::string, std::string, std::string> AgeOf(const OneTimeObjects::Object& object) {
  const json& metadata = object->at("metadata");
  return {metadata.value("creationTimestamp", ""), metadata.value("namespace", ""),
          metadata.value("name", "")};
}

}  // namespace

milliseconds RestoreController::ReconcileAll() {
  auto restores = objects_.List();
  if (!restores.ok()) {
    // Once: an API server may not have the kind at all.
    if (!complained_) LogWarn(kComponent, "nothing is restored: {}", restores.status().message());
    complained_ = true;
    return options_.steady_interval;
  }
  complained_ = false;
  std::ranges::sort(restores->objects, {}, AgeOf);
  TakeOrders(restores->objects);
  milliseconds next = options_.steady_interval;
  for (const auto& restore : restores->objects) {
    failed_ = false;
    const auto begin = clock_.Now();
    // One that is left out may have the cluster.
    next = std::min(next, Reconcile(*restore, /*may_accept=*/restores->complete));
    if (options_.stats != nullptr) options_.stats->Record(!failed_, clock_.Now() - begin);
  }
  return restores->complete ? next : options_.shortest_interval;
}

void RestoreController::TakeOrders(const std::vector<OneTimeObjects::Object>& restores) {
  orders_.clear();
  holders_.clear();
  for (const auto& object : restores) {
    const RestoreState state = ReadRestoreState(Member(*object, "status"));
    if (!state.holds() || IsGoing(*object)) continue;
    const auto restore = api::ReadRestore(*object);
    if (!restore.ok()) continue;
    const ClusterKey key{restore->metadata.name_space, restore->spec.cluster};
    const auto [holder, is_first] = holders_.emplace(key, restore->metadata.name);
    if (!is_first) continue;
    const std::chrono::seconds deadline(restore->spec.deadline_seconds);
    orders_[key] = {.uid = restore->metadata.uid,
                    .name = restore->metadata.name,
                    .uri = state.uri,
                    .deadline_ms = milliseconds(deadline).count()};
  }
}

milliseconds RestoreController::Reconcile(const json& object, bool may_accept) {
  const RestoreState before = ReadRestoreState(Member(object, "status"));
  // What the cluster has begun for one that is being deleted goes on without it.
  if (before.finished() || IsGoing(object)) return options_.steady_interval;
  if (!before.holds() && !may_accept) return options_.shortest_interval;
  const auto restore = api::ReadRestore(object);
  if (!restore.ok()) {
    LogError(kComponent, "left alone: {}", restore.status().message());
    failed_ = true;
    return options_.steady_interval;
  }
  const ClusterKey key{restore->metadata.name_space, restore->spec.cluster};
  RestoreInputs inputs{.site = find_site_(key)};
  const auto holder = holders_.find(key);
  if (holder != holders_.end() && holder->second != restore->metadata.name)
    inputs.holder = holder->second;
  if (!before.holds() && !restore->spec.backup.empty())
    inputs.backup = find_backup_(key.name_space, restore->spec.backup);
  const RestoreState after = NextRestoreState(before, *restore, inputs, clock_.NowMs());
  if (after.holds()) holders_.emplace(key, restore->metadata.name);
  if (!Report(object, before, after)) return options_.shortest_interval;
  if (after != before) return options_.shortest_interval;
  return after.holds() ? options_.busy_interval : options_.steady_interval;
}

bool RestoreController::Report(const json& object, const RestoreState& before,
                               const RestoreState& after) {
  const int64_t generation = object.at("metadata").value("generation", int64_t{0});
  const json status = RestoreStatus(after, generation, Member(object, "status"), clock_.NowMs());
  const bool reported =
      ReportStatus(objects_, "restore", object, status, RestoreNotices(before, after));
  failed_ |= !reported;
  return reported;
}

}  // namespace headpond::controller

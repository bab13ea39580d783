#include "master/reported_config.h"

#include <algorithm>

namespace headpond::master {

ReportedConfig::ReportedConfig(const Config& config, const Clock& clock)
    : clock_(clock), config_(config), view_(ViewOf(config, clock.NowMs())) {}

std::shared_ptr<const ReportedConfig::View> ReportedConfig::ViewOf(const Config& config,
                                                                   int64_t now_ms) {
  auto view = std::make_shared<View>();
  view->raw = ReportedProperties(config, /*raw=*/true);
  view->resolved = ReportedProperties(config, /*raw=*/false);
  view->hash = ConfigHash(view->raw);
  view->last_update_ms = now_ms;
  return view;
}

std::shared_ptr<const ReportedConfig::View> ReportedConfig::view() const {
  MutexLock lock(mutex_);
  return view_;
}

std::map<std::string, bool> ReportedConfig::Update(
    const std::map<std::string, std::string>& properties) {
  std::map<std::string, bool> taken;
  MutexLock lock(mutex_);
  const bool enabled = config_.GetBool("alluxio.conf.dynamic.update.enabled");
  for (const auto& [key, value] : properties) {
    const PropertyDef* def = FindProperty(key);
    taken[key] = enabled && def != nullptr && def->scope == kScopeClient &&
                 config_.Set(key, value, Source::kRuntime).ok();
  }
  const bool changed = std::ranges::any_of(taken, [](const auto& key) { return key.second; });
  if (changed) view_ = ViewOf(config_, clock_.NowMs());
  return taken;
}

}  // namespace headpond::master

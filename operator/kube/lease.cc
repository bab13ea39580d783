#include "operator/kube/lease.h"

#include <nlohmann/json.hpp>

#include "base/rfc3339.h"

namespace headpond::kube {
namespace {

using nlohmann::json;

template <typename T>
T Field(const json& spec, const char* name, T otherwise) {
  const auto found = spec.find(name);
  if (found == spec.end()) return otherwise;
  if constexpr (std::is_same_v<T, std::string>)
    return found->is_string() ? found->get<std::string>() : otherwise;
  else
    return found->is_number_integer() ? found->get<T>() : otherwise;
}

}  // namespace

Result<LeaseRecord> ReadLease(const json& object) {
  const auto metadata = object.is_object() ? object.find("metadata") : object.end();
  if (!object.is_object() || metadata == object.end() || !metadata->is_object())
    return InvalidArgument("the answer is no Lease: it has no metadata");
  LeaseRecord record{.resource_version = Field<std::string>(*metadata, "resourceVersion", "")};
  const auto spec = object.find("spec");
  if (spec == object.end() || !spec->is_object()) return record;
  record.holder = Field<std::string>(*spec, "holderIdentity", "");
  record.duration =
      std::chrono::seconds(Field<int64_t>(*spec, "leaseDurationSeconds", record.duration.count()));
  record.acquired_ms = ParseRfc3339Ms(Field<std::string>(*spec, "acquireTime", ""));
  record.renewed_ms = ParseRfc3339Ms(Field<std::string>(*spec, "renewTime", ""));
  record.transitions = Field<int64_t>(*spec, "leaseTransitions", 0);
  return record;
}

json ToLease(const LeaseRecord& record, const std::string& name_space, const std::string& name) {
  json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata", {{"namespace", name_space}, {"name", name}}},
                {"spec",
                 {{"holderIdentity", record.holder},
                  {"leaseDurationSeconds", record.duration.count()},
                  {"acquireTime", FormatRfc3339Micros(Instant::FromMs(record.acquired_ms))},
                  {"renewTime", FormatRfc3339Micros(Instant::FromMs(record.renewed_ms))},
                  {"leaseTransitions", record.transitions}}}};
  if (!record.resource_version.empty())
    lease["metadata"]["resourceVersion"] = record.resource_version;
  return lease;
}

std::optional<LeaseRecord> Election::Decide(const LeaseRecord& read, Time now, int64_t wall_ms) {
  if (!seen_ || read != observed_) {
    observed_ = read;
    observed_at_ = now;
    seen_ = true;
  }
  const bool ours = read.holder == options_.identity;
  if (!ours) renewed_at_.reset();
  const bool free = read.holder.empty() || now - observed_at_ >= read.duration;
  if (!ours && !free) return std::nullopt;
  LeaseRecord next = read;
  next.duration = options_.lease_duration;
  next.renewed_ms = wall_ms;
  if (!ours) {
    next.holder = options_.identity;
    next.acquired_ms = wall_ms;
    if (!read.resource_version.empty()) ++next.transitions;
  }
  return next;
}

void Election::Stored(const LeaseRecord& record, Time asked_at) {
  observed_ = record;
  observed_at_ = asked_at;
  seen_ = true;
  renewed_at_ = asked_at;
}

bool Election::Leads(Time now) const {
  return renewed_at_ && now < *renewed_at_ + options_.renew_deadline;
}

std::optional<Election::Time> Election::leads_until() const {
  if (!renewed_at_) return std::nullopt;
  return *renewed_at_ + options_.renew_deadline;
}

std::optional<LeaseRecord> Election::Release(int64_t wall_ms) const {
  if (!renewed_at_ || observed_.holder != options_.identity) return std::nullopt;
  LeaseRecord released = observed_;
  released.holder.clear();
  released.duration = std::chrono::seconds(1);  // the API wants more than 0
  released.renewed_ms = wall_ms;
  return released;
}

}  // namespace headpond::kube

#include "operator/daemon/followed_kind.h"

#include <nlohmann/json.hpp>

namespace headpond::operator_daemon {
namespace {

constexpr const char* kRemedyWhenMissing =
    "install the kinds with `headpond-operator crds | kubectl apply -f -` (or `kubectl apply -f "
    "manifests/crds`)";

}  // namespace

FollowedKind::FollowedKind(kube::Client& client, const Clock& clock, Random random, Options options,
                           std::function<void()> changed)
    : client_(client),
      options_(std::move(options)),
      source_(client.Source(options_.resource, options_.name_space, options_.selector)),
      reflector_({.name = options_.resource.plural, .remedy_when_missing = kRemedyWhenMissing},
                 *source_, cache_, clock, std::move(random),
                 [changed = std::move(changed)](const kube::ObjectName&) { changed(); }) {}

FollowedKind::Listing FollowedKind::List() const {
  Listing listing;
  for (const kube::Object& object : cache_.All())
    if (own_writes_.SeenBy(cache_, kube::NameOf(*object)))
      listing.objects.push_back(object);
    else
      listing.complete = false;
  return listing;
}

Status FollowedKind::MayWrite() const {
  if (options_.may_write()) return Status::Ok();
  return Aborted("another operator leads");
}

Status FollowedKind::Patch(const kube::ObjectName& name, const nlohmann::json& json_patch,
                           const std::string& subresource) {
  RETURN_IF_ERROR(MayWrite());
  ASSIGN_OR_RETURN(const nlohmann::json answer,
                   client_.JsonPatch(options_.resource, name, json_patch, subresource));
  own_writes_.Wrote(name, kube::VersionOf(answer));
  return Status::Ok();
}

}  // namespace headpond::operator_daemon

#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "operator/apiserver/api_error.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {

// The server's own fields of metadata; authors' values are dropped silently, as Kubernetes does.
inline constexpr std::array kServerFields = {"uid",
                                             "creationTimestamp",
                                             "generation",
                                             "deletionTimestamp",
                                             "deletionGracePeriodSeconds",
                                             "selfLink",
                                             "managedFields"};

// What is wrong with metadata that an author may write: name, labels, annotations, finalizers,
// ownerReferences. Expects a metadata that is an object.
std::vector<Cause> CheckMetadata(const nlohmann::json& metadata);

// `object` as it is stored first: identity and times are the server's, whatever the author wrote.
nlohmann::json WithNewMetadata(const ResourceType& type, nlohmann::json object,
                               const std::string& uid, int64_t now_ms);

// `object`, which is to replace `before`: identity and times stay; the generation grows when
// anything but metadata and status differs.
nlohmann::json WithKeptMetadata(const ResourceType& type, nlohmann::json object,
                                const nlohmann::json& before);

// `object` marked for deletion; unchanged when it is marked already.
nlohmann::json WithDeletionMark(const ResourceType& type, nlohmann::json object, int64_t now_ms);

bool IsBeingDeleted(const nlohmann::json& object);
bool HasFinalizers(const nlohmann::json& object);
bool HasFinalizer(const nlohmann::json& object, const std::string& finalizer);
nlohmann::json WithFinalizer(nlohmann::json object, const std::string& finalizer);
nlohmann::json WithoutFinalizer(nlohmann::json object, const std::string& finalizer);

bool IsOwnedBy(const nlohmann::json& object, const std::string& uid);
std::vector<std::string> OwnerUids(const nlohmann::json& object);
nlohmann::json WithoutOwner(nlohmann::json object, const std::string& uid);

}  // namespace headpond::apiserver

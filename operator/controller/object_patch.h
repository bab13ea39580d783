#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

// What the operator changes on API objects beside their specs, as JSON patches (RFC 6902). Pure.
namespace headpond::controller {

// An operation that refuses (409) the patch it begins when the object has changed since.
nlohmann::json VersionCheck(const nlohmann::json& object);

bool HasFinalizer(const nlohmann::json& object, std::string_view finalizer);
// Puts a finalizer on the object (held) or takes it off, and leaves those of others; refused (409)
// when the object has changed since.
nlohmann::json FinalizerPatch(const nlohmann::json& object, std::string_view finalizer, bool held);

// Replaces the status as a whole; for the subresource "status".
nlohmann::json StatusPatch(const nlohmann::json& status);

}  // namespace headpond::controller

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "operator/apiserver/api_error.h"
#include "operator/apiserver/managed_fields.h"
#include "operator/apiserver/shape.h"

namespace headpond::apiserver {

struct Application {
  nlohmann::json object;   // defaults of what was removed are still to come back
  ManagedEntries entries;  // for AfterApply
};

// Applies `config`, the fields that `applier` wants, to `live` (an empty object: there was none).
//
//   given before, given now      set to the value now
//   not given before, given now  set and owned too; a conflict when another manager owns it and has
//                                another value, unless `force`, which takes it over
//   given before, not now        removed when nobody else owns it
//
// `live` and `config` are in the stored form. An object without entries, from before there were
// any, belongs to the manager before-first-apply. kubectl may take over what the object's
// last-applied annotation says it applied before. Errors: 409 that names managers and fields; 422
// for list items with the same key or none.
Outcome<Application> Apply(const Shape& shape, const nlohmann::json& live,
                           const nlohmann::json& config, const Manager& applier, bool force,
                           int64_t now_ms);

// The entries of the stored object: `after` is what became of Application::object. The applier's
// time changes only with the object or an entry, so that applying again changes nothing.
ManagedEntries AfterApply(const Shape& shape, const nlohmann::json& before,
                          const nlohmann::json& after, ManagedEntries entries,
                          const Manager& applier, int64_t now_ms);

}  // namespace headpond::apiserver

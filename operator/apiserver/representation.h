#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "http/http_server.h"
#include "operator/apiserver/api_error.h"
#include "operator/apiserver/resources.h"
#include "operator/apiserver/store/object_store.h"

namespace headpond::apiserver {

// What a client wants objects to look like, from its Accept header.
enum class Form { kObject, kTable, kMetadata };

// 406 when it takes none of the forms, such as protobuf only.
Outcome<Form> RequestedForm(const http::Request& request);

// What a Table's rows carry besides their cells: includeObject.
enum class IncludeObject { kNone, kMetadata, kObject };
Outcome<IncludeObject> RequestedInclude(const http::Request& request);

// How objects of one request are shown.
struct Representation {
  const ResourceType* type = nullptr;
  Form form = Form::kObject;
  IncludeObject include = IncludeObject::kMetadata;
};

// One object. A table's columns are left out when `columns` is false (later events of a watch).
nlohmann::json Represent(const Representation& how, const nlohmann::json& object, int64_t now_ms,
                         bool columns = true);

// Many. `metadata` is the list's: resourceVersion, continue, remainingItemCount.
nlohmann::json RepresentList(const Representation& how, const std::vector<ObjectPtr>& objects,
                             const nlohmann::json& metadata, int64_t now_ms);

// `response` as the request's Accept header and `pretty` want it: YAML, or JSON that people can
// read.
http::Response InWantedForm(const http::Request& request, http::Response response);

http::Response JsonResponse(int status, const nlohmann::json& body);
http::Response ErrorResponse(const ApiError& error);
// Compact, invalid UTF-8 replaced.
std::string Dump(const nlohmann::json& value);

// The value of a query parameter, "" when it is absent.
std::string Query(const http::Request& request, const std::string& name);
// The value of a header (lower-case name), "" when it is absent.
std::string Header(const http::Request& request, const std::string& name);
// The media type of the body without parameters, "" when none is said.
std::string ContentType(const http::Request& request);

}  // namespace headpond::apiserver

#include "operator/apiserver/reviews.h"

#include <nlohmann/json.hpp>

#include "operator/apiserver/patch.h"
#include "operator/apiserver/protobuf_body.h"
#include "operator/apiserver/representation.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr const char* kAuthorization = "authorization.k8s.io";
constexpr const char* kUser = "headpond-owner";
// The group that may do everything in any Kubernetes.
constexpr const char* kGroups[] = {"system:masters", "system:authenticated"};

struct Review {
  const char* path;
  const char* version;
  const char* kind;
};
constexpr Review kReviews[] = {
    {"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "authorization.k8s.io/v1",
     "SelfSubjectAccessReview"},
    {"/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "authorization.k8s.io/v1",
     "SelfSubjectRulesReview"},
    {"/apis/authentication.k8s.io/v1/selfsubjectreviews", "authentication.k8s.io/v1",
     "SelfSubjectReview"},
};

Outcome<json> StatusOf(const std::string& kind, const json& body) {
  if (kind == "SelfSubjectReview")
    return json{{"userInfo", {{"username", kUser}, {"groups", kGroups}}}};
  if (kind == "SelfSubjectRulesReview") {
    if (TextAt(body, "spec.namespace").empty())
      return BadRequestError("no namespace on request: set spec.namespace");
    const json all = json::array({"*"});
    return json{{"resourceRules", {{{"verbs", all}, {"apiGroups", all}, {"resources", all}}}},
                {"nonResourceRules", {{{"verbs", all}, {"nonResourceURLs", all}}}},
                {"incomplete", false}};
  }
  if (At(body, "spec.resourceAttributes").is_null() ==
      At(body, "spec.nonResourceAttributes").is_null())
    return InvalidError(kAuthorization, kind, "",
                        {{"FieldValueInvalid",
                          "Invalid value: exactly one of nonResourceAttributes or "
                          "resourceAttributes must be specified",
                          "spec.resourceAttributes"}});
  return json{{"allowed", true}, {"reason", "the owner of the operator may do everything"}};
}

Outcome<json> Answered(const Review& review, const http::Request& request) {
  const bool protobuf = ContentType(request) == kProtobufMedia;
  ASSIGN_OR_RETURN(json body, protobuf ? DecodeProtobuf(request.body) : ParseBody(request.body));
  const std::string kind = TextAt(body, "kind");
  if (!body.is_object() || (!kind.empty() && kind != review.kind))
    return BadRequestError(std::string("the body must be a ") + review.kind);
  ASSIGN_OR_RETURN(body["status"], StatusOf(review.kind, body));
  body["kind"] = review.kind;
  body["apiVersion"] = review.version;
  if (!body["metadata"].is_object()) body["metadata"] = json::object();
  return body;
}

}  // namespace

std::optional<http::Response> ReviewAnswer(const http::Request& request) {
  for (const Review& review : kReviews) {
    if (request.path != review.path) continue;
    if (request.method != "POST") return ErrorResponse(MethodNotAllowedError());
    const auto answer = Answered(review, request);
    return answer.ok() ? JsonResponse(201, *answer) : ErrorResponse(answer.status());
  }
  return std::nullopt;
}

}  // namespace headpond::apiserver

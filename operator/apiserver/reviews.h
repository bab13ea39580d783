#pragma once

#include <optional>

#include "http/http_server.h"

namespace headpond::apiserver {

// What a client may do, and who it is: POST of SelfSubjectAccessReview, SelfSubjectRulesReview and
// SelfSubjectReview (`kubectl auth can-i`, `kubectl auth whoami`). There is one user, the owner of
// the operator, who may do everything: whom a listener lets in is that user. Nullopt when the path
// is no review's.
std::optional<http::Response> ReviewAnswer(const http::Request& request);

}  // namespace headpond::apiserver

#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "image/credentials.h"

namespace headpond::image {

// Asks docker-credential-<helper>, found by the PATH of `environment`, for what it keeps for
// `server`; no shell is involved. nullopt when it keeps nothing. Blocks until the helper has ended,
// at most for `deadline`; then it is killed with all that it started.
//
// Errors, which name the helper: InvalidArgument (no name of a program), NotFound (no such
// program), DeadlineExceeded, ResourceExhausted (an answer too long to be one), FailedPrecondition
// (the helper failed; with what it said), DataLoss (an answer that can't be read).
Result<std::optional<Credentials>> AskCredentialHelper(
    const std::map<std::string, std::string>& environment, const std::string& helper,
    const std::string& server, std::chrono::milliseconds deadline = std::chrono::seconds(15));

}  // namespace headpond::image

#pragma once

#include <string>

#include "base/result.h"

// The folders of journals on this machine, for a restore: plan::SetAsidePath and plan::FailedPath
// name the places beside `folder`. Each call may be repeated after a crash anywhere in it, and
// changes nothing once it is done. Nothing is ever deleted or written over.
namespace headpond::runtime {

// Moves the folder out of the way. One that is missing leaves an empty one there, so that PutBack
// knows that there was none.
Status SetAsideFolder(const std::string& folder, const std::string& tag);

// Moves what took its place out of the way, and the folder back. OK when it was not set aside.
// FailedPrecondition when there is no room for what took its place.
Status PutBackFolder(const std::string& folder, const std::string& tag);

}  // namespace headpond::runtime

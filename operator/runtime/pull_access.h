#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace headpond::runtime {

// What a Secret that a spec names has for pulls of images. Kept in memory alone: in no log, label,
// environment or status.
struct PullSecret {
  std::string field;              // where the spec names it: "spec.imagePullSecrets[0].name"
  std::string config;             // a docker config (see image::LoginsFor)
  Status trouble = Status::Ok();  // why it is of no use: it is missing, or holds something else
};

// With what somebody may pull. Who may pull with something else is told nothing of it, so what is
// known of an image belongs to the key.
struct PullAccess {
  std::string key;  // empty: with the operator's own logins, as everybody
  std::vector<PullSecret> secrets;
};

// Another one whenever a Secret, or what it holds, is another one. Stays in memory, too.
std::string PullAccessKey(const std::string& name_space, const std::vector<PullSecret>& secrets);

}  // namespace headpond::runtime

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace headpond::image {

// An image's name, with what Docker leaves to be understood filled in. A value.
struct Reference {
  std::string registry;    // "docker.io", "127.0.0.1:5000"
  std::string repository;  // "library/debian", "headpond/headpond"
  std::string tag;         // "latest" if neither tag nor digest was given
  std::string digest;      // "sha256:..." or ""

  // "127.0.0.1:5000/headpond/headpond", as the Engine wants it: without docker.io.
  std::string Name() const;
  // With the tag or the digest.
  std::string ToString() const;
};

// Reads REGISTRY/REPOSITORY:TAG@DIGEST, where the first part is a registry if it holds a dot or a
// colon or is localhost. Errors: InvalidArgument with what is wrong.
Result<Reference> ParseReference(std::string_view text);

// Whether `registry` is on this machine: the Engine, and we, speak plain HTTP to those unasked.
bool IsLoopbackRegistry(std::string_view registry);

}  // namespace headpond::image

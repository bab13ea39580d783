#include "image/reference.h"

#include <algorithm>
#include <cctype>

namespace headpond::image {
namespace {

constexpr std::string_view kHub = "docker.io";
constexpr size_t kMaxName = 255, kMaxTag = 128;

bool IsLowerOrDigit(unsigned char c) {
  return std::islower(c) != 0 || std::isdigit(c) != 0;
}

// Words of small letters and digits, joined by one of . _ __ or dashes: the registry API's grammar.
bool IsRepositoryPart(std::string_view part) {
  if (part.empty() || !IsLowerOrDigit(part.front()) || !IsLowerOrDigit(part.back())) return false;
  return std::ranges::all_of(
      part, [](unsigned char c) { return IsLowerOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

bool IsRepository(std::string_view text) {
  while (true) {
    const size_t slash = text.find('/');
    if (!IsRepositoryPart(text.substr(0, slash))) return false;
    if (slash == text.npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool IsTag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTag || tag.front() == '.' || tag.front() == '-') return false;
  return std::ranges::all_of(tag, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
}

bool IsDigest(std::string_view digest) {
  constexpr std::string_view kAlgorithm = "sha256:";
  return digest.starts_with(kAlgorithm) && digest.size() == kAlgorithm.size() + 64 &&
         std::ranges::all_of(digest.substr(kAlgorithm.size()), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

bool IsRegistry(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  });
}

}  // namespace

std::string Reference::Name() const {
  if (registry != kHub) return registry + "/" + repository;
  constexpr std::string_view kOfficial = "library/";
  return repository.starts_with(kOfficial) ? repository.substr(kOfficial.size()) : repository;
}

std::string Reference::ToString() const {
  return Name() + (tag.empty() ? "" : ":" + tag) + (digest.empty() ? "" : "@" + digest);
}

Result<Reference> ParseReference(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return InvalidArgument("{} is no name of an image: {}", text, why);
  };
  Reference reference;
  std::string_view rest = text;
  if (const size_t at = rest.find('@'); at != rest.npos) {
    reference.digest = rest.substr(at + 1);
    if (!IsDigest(reference.digest)) return wrong("after @ comes sha256: and 64 hex digits");
    rest = rest.substr(0, at);
  }
  const size_t slash = rest.find('/');
  const std::string_view first = rest.substr(0, slash == rest.npos ? 0 : slash);
  if (first == "localhost" || first.find_first_of(".:") != first.npos) {
    reference.registry = first;
    rest.remove_prefix(slash + 1);
    if (!IsRegistry(first)) return wrong("the registry is a host and perhaps :port");
  }
  if (const size_t colon = rest.rfind(':'); colon != rest.npos) {
    reference.tag = rest.substr(colon + 1);
    if (!IsTag(reference.tag))
      return wrong("a tag has letters, digits, dots, dashes and underscores, at most 128");
    rest = rest.substr(0, colon);
  } else if (reference.digest.empty()) {
    reference.tag = "latest";
  }
  if (rest.size() > kMaxName || !IsRepository(rest))
    return wrong("it has small letters, digits, and . _ - / between them");
  reference.repository = rest;
  if (reference.registry.empty()) {
    reference.registry = kHub;
    if (rest.find('/') == rest.npos) reference.repository = fmt::format("library/{}", rest);
  }
  return reference;
}

bool IsLoopbackRegistry(std::string_view registry) {
  const std::string_view host = registry.substr(0, registry.rfind(':'));
  return host == "localhost" || host.starts_with("127.") || registry.starts_with("[::1]");
}

}  // namespace headpond::image

#include "cli/acl_text.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace headpond::cli {
namespace {

using client::AclEntry;

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<int> ParseBits(std::string_view text) {
  constexpr std::string_view kLetters = "rwx";
  int bits = 0;
  bool valid = text.size() == kLetters.size();
  for (size_t i = 0; valid && i < kLetters.size(); ++i) {
    if (text[i] == kLetters[i]) bits |= 4 >> i;
    valid = text[i] == kLetters[i] || text[i] == '-';
  }
  if (!valid) return InvalidArgument("Invalid mode string: {}", text);
  return bits;
}

Result<AclEntry::Type> ParseType(std::string_view name, bool has_subject, std::string_view entry) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "user") return has_subject ? AclEntry::Type::kNamedUser : AclEntry::Type::kOwner;
  if (lower == "group")
    return has_subject ? AclEntry::Type::kNamedGroup : AclEntry::Type::kOwningGroup;
  if (has_subject) return InvalidArgument("Subject for {} type must be empty: {}", lower, entry);
  if (lower == "mask") return AclEntry::Type::kMask;
  if (lower == "other") return AclEntry::Type::kOther;
  return InvalidArgument("Unexpected acl components: {}", entry);
}

Result<AclEntry> ParseEntry(std::string_view text, bool with_permissions) {
  std::vector<std::string_view> parts = Split(text, ':');
  AclEntry entry;
  if (parts.front() == "default") {
    entry.is_default = true;
    parts.erase(parts.begin());
  }
  const size_t most = with_permissions ? 3 : 2;
  const size_t least = with_permissions ? 3 : 1;
  if (parts.size() < least || parts.size() > most)
    return InvalidArgument("Unexpected acl components: {}", text);
  const std::string_view subject = parts.size() > 1 ? parts[1] : "";
  ASSIGN_OR_RETURN(entry.type, ParseType(parts[0], !subject.empty(), text));
  entry.subject = subject;
  if (with_permissions) {
    ASSIGN_OR_RETURN(entry.bits, ParseBits(parts[2]));
  }
  return entry;
}

}  // namespace

Result<std::vector<AclEntry>> ParseAclEntries(std::string_view text, bool with_permissions) {
  std::vector<AclEntry> entries;
  for (const std::string_view part : Split(text, ',')) {
    ASSIGN_OR_RETURN(entries.emplace_back(), ParseEntry(part, with_permissions));
  }
  return entries;
}

}  // namespace headpond::cli

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::meta {

// Access bits, as one octal digit of a POSIX mode.
using Bits = uint8_t;
inline constexpr Bits kNone = 0;
inline constexpr Bits kExecute = 1;
inline constexpr Bits kWrite = 2;
inline constexpr Bits kRead = 4;
inline constexpr Bits kAll = 7;

std::string BitsText(Bits bits);      // "rw-"
std::string ModeText(uint16_t mode);  // "rwxr-x---"

// Numbers are those of the wire (PAclEntryType, SetAclAction).
enum class AclEntryType : uint8_t {
  kOwner = 0,
  kNamedUser = 1,
  kOwningGroup = 2,
  kNamedGroup = 3,
  kMask = 4,
  kOther = 5
};
enum class AclAction : uint8_t {
  kReplace = 0,
  kModify = 1,
  kRemove = 2,
  kRemoveAll = 3,
  kRemoveDefault = 4
};

// One line of `getfacl`.
struct AclEntry {
  AclEntryType type = AclEntryType::kOwner;
  std::string subject;  // the named user's or group's name; else ""
  Bits bits = kNone;
  bool is_default = false;

  friend bool operator==(const AclEntry&, const AclEntry&) = default;
};
std::string AclEntryText(const AclEntry& entry);  // "default:user:bob:r-x"

// What an ACL holds beyond the nine mode bits.
struct ExtendedAcl {
  std::map<std::string, Bits, std::less<>> users;
  std::map<std::string, Bits, std::less<>> groups;
  std::optional<Bits> mask;  // set whenever users or groups is not empty

  bool empty() const { return users.empty() && groups.empty() && !mask; }
  friend bool operator==(const ExtendedAcl&, const ExtendedAcl&) = default;
};

// The ACL that new children of a directory start from.
struct DefaultAcl {
  uint16_t mode = 0;  // nine bits
  ExtendedAcl extended;

  friend bool operator==(const DefaultAcl&, const DefaultAcl&) = default;
};

}  // namespace headpond::meta

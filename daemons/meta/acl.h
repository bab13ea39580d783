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

// Nine mode bits, extended entries and (directories) default ACL of one inode.
struct AclState {
  uint16_t mode = 0;
  ExtendedAcl extended;
  std::optional<DefaultAcl> default_acl;

  friend bool operator==(const AclState&, const AclState&) = default;
};

// What SetAcl makes of `state`, as stock does it: REPLACE replaces the access ACL, the default ACL,
// or both, whichever has entries, and each must bring its base entries; MODIFY sets entries; REMOVE
// takes named entries away; REMOVE_ALL leaves the mode bits only, REMOVE_DEFAULT the access ACL
// only. A default ACL that does not exist yet starts from the mode bits. Without a mask entry the
// mask becomes the union of the named entries and the owning group. Errors: InvalidArgument (base
// entries missing or removed, mask removed while named entries stay, named entry without a name,
// default entries for a file).
Result<AclState> ChangeAcl(AclState state, AclAction action, const std::vector<AclEntry>& entries,
                           bool is_directory);

// The access ACL of a new child that asks for `mode` in a directory with this default ACL.
AclState InheritAcl(const DefaultAcl& parent, uint16_t mode);

}  // namespace headpond::meta

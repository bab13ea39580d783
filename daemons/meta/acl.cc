#include "meta/acl.h"

#include <algorithm>

#include "meta/file_info.h"

namespace headpond::meta {
namespace {

constexpr int kOwnerShift = 6;
constexpr int kGroupShift = 3;
constexpr int kOtherShift = 0;

Bits Digit(uint16_t mode, int shift) {
  return (mode >> shift) & kAll;
}

void SetDigit(uint16_t& mode, int shift, Bits bits) {
  mode = static_cast<uint16_t>((mode & ~(kAll << shift)) | ((bits & kAll) << shift));
}

std::string_view TypeName(AclEntryType type) {
  switch (type) {
    case AclEntryType::kOwner: return "OWNER";
    case AclEntryType::kNamedUser: return "NAMED_USER";
    case AclEntryType::kOwningGroup: return "OWNING_GROUP";
    case AclEntryType::kNamedGroup: return "NAMED_GROUP";
    case AclEntryType::kMask: return "MASK";
    case AclEntryType::kOther: return "OTHER";
  }
  return "OTHER";
}

// The form in which stock shows an entry inside an error.
std::string DebugText(const AclEntry& entry) {
  std::string actions;
  const auto add = [&](Bits bit, std::string_view name) {
    if (entry.bits & bit) actions += fmt::format("{}{}", actions.empty() ? "" : ", ", name);
  };
  add(kRead, "READ");
  add(kWrite, "WRITE");
  add(kExecute, "EXECUTE");
  return fmt::format(
      "AclEntry{{type={}, subject={}, actions=AclActions{{actions=[{}]}}, isDefault={}}}",
      TypeName(entry.type), entry.subject, actions, entry.is_default);
}

bool IsNamed(AclEntryType type) {
  return type == AclEntryType::kNamedUser || type == AclEntryType::kNamedGroup;
}

// One ACL, access or default: what both kinds have in common.
struct Entries {
  uint16_t mode = 0;
  ExtendedAcl extended;
};

void Set(Entries& acl, const AclEntry& entry) {
  switch (entry.type) {
    case AclEntryType::kOwner: SetDigit(acl.mode, kOwnerShift, entry.bits); break;
    case AclEntryType::kOwningGroup: SetDigit(acl.mode, kGroupShift, entry.bits); break;
    case AclEntryType::kOther: SetDigit(acl.mode, kOtherShift, entry.bits); break;
    case AclEntryType::kNamedUser: acl.extended.users[entry.subject] = entry.bits; break;
    case AclEntryType::kNamedGroup: acl.extended.groups[entry.subject] = entry.bits; break;
    case AclEntryType::kMask: acl.extended.mask = entry.bits; break;
  }
}

// A mask exists exactly when there are named entries.
void UpdateMask(Entries& acl, bool mask_given) {
  ExtendedAcl& extended = acl.extended;
  if (extended.users.empty() && extended.groups.empty()) {
    extended.mask.reset();
    return;
  }
  if (mask_given && extended.mask) return;
  Bits mask = Digit(acl.mode, kGroupShift);
  for (const auto& [name, bits] : extended.users) mask |= bits;
  for (const auto& [name, bits] : extended.groups) mask |= bits;
  extended.mask = mask;
}

bool HasMask(const std::vector<AclEntry>& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const AclEntry& entry) { return entry.type == AclEntryType::kMask; });
}

void Modify(Entries& acl, const std::vector<AclEntry>& entries) {
  for (const AclEntry& entry : entries) Set(acl, entry);
  UpdateMask(acl, HasMask(entries));
}

Status CheckBaseEntries(const std::vector<AclEntry>& entries) {
  std::string missing;
  for (const AclEntryType type :
       {AclEntryType::kOther, AclEntryType::kOwningGroup, AclEntryType::kOwner}) {
    const bool found = std::any_of(entries.begin(), entries.end(),
                                   [&](const AclEntry& entry) { return entry.type == type; });
    if (!found) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", TypeName(type));
  }
  if (missing.empty()) return Status::Ok();
  return InvalidArgument(
      "Replacing ACL entries must include the base entries for user, group, and other. missing: {}",
      missing);
}

Status Remove(Entries& acl, const std::vector<AclEntry>& entries) {
  for (const AclEntry& entry : entries) {
    if (entry.type == AclEntryType::kNamedUser) acl.extended.users.erase(entry.subject);
    if (entry.type == AclEntryType::kNamedGroup) acl.extended.groups.erase(entry.subject);
  }
  for (const AclEntry& entry : entries) {
    const bool extended = !acl.extended.users.empty() || !acl.extended.groups.empty();
    if (entry.type == AclEntryType::kMask && extended) {
      return InvalidArgument("Deleting the mask for an extended ACL is not allowed. entry: {}",
                             DebugText(entry));
    }
    // A stock master accepts this for the access ACL and dies of the journal entry.
    if (!IsNamed(entry.type) && entry.type != AclEntryType::kMask) {
      return InvalidArgument("Deleting base entry is not allowed. entry: {}", DebugText(entry));
    }
  }
  UpdateMask(acl, false);
  return Status::Ok();
}

Status Change(Entries& acl, AclAction action, const std::vector<AclEntry>& entries) {
  if (entries.empty()) return Status::Ok();
  switch (action) {
    case AclAction::kReplace:
      RETURN_IF_ERROR(CheckBaseEntries(entries));
      acl.extended = {};
      Modify(acl, entries);
      return Status::Ok();
    case AclAction::kModify: Modify(acl, entries); return Status::Ok();
    case AclAction::kRemove: return Remove(acl, entries);
    case AclAction::kRemoveAll:
    case AclAction::kRemoveDefault: return Status::Ok();
  }
  return Status::Ok();
}

}  // namespace

std::string BitsText(Bits bits) {
  return {bits & kRead ? 'r' : '-', bits & kWrite ? 'w' : '-', bits & kExecute ? 'x' : '-'};
}

std::string ModeText(uint16_t mode) {
  return BitsText(Digit(mode, kOwnerShift)) + BitsText(Digit(mode, kGroupShift)) +
         BitsText(Digit(mode, kOtherShift));
}

std::string AclEntryText(const AclEntry& entry) {
  const std::string_view kind = [&]() -> std::string_view {
    switch (entry.type) {
      case AclEntryType::kOwner:
      case AclEntryType::kNamedUser: return "user";
      case AclEntryType::kOwningGroup:
      case AclEntryType::kNamedGroup: return "group";
      case AclEntryType::kMask: return "mask";
      case AclEntryType::kOther: return "other";
    }
    return "other";
  }();
  return fmt::format("{}{}:{}:{}", entry.is_default ? "default:" : "", kind, entry.subject,
                     BitsText(entry.bits));
}

std::vector<AclEntry> AclEntries(uint16_t mode, const ExtendedAcl& extended, bool is_default) {
  std::vector<AclEntry> entries = {
      {AclEntryType::kOwner, "", Digit(mode, kOwnerShift), is_default},
      {AclEntryType::kOwningGroup, "", Digit(mode, kGroupShift), is_default},
      {AclEntryType::kOther, "", Digit(mode, kOtherShift), is_default},
  };
  for (const auto& [name, bits] : extended.users) {
    entries.push_back({AclEntryType::kNamedUser, name, bits, is_default});
  }
  for (const auto& [name, bits] : extended.groups) {
    entries.push_back({AclEntryType::kNamedGroup, name, bits, is_default});
  }
  if (extended.mask) entries.push_back({AclEntryType::kMask, "", *extended.mask, is_default});
  return entries;
}

Result<AclState> ChangeAcl(AclState state, AclAction action, const std::vector<AclEntry>& entries,
                           bool is_directory) {
  std::vector<AclEntry> access;
  std::vector<AclEntry> defaults;
  for (const AclEntry& entry : entries) {
    if (IsNamed(entry.type) && entry.subject.empty()) {
      return InvalidArgument("ACL entry must have subject: {}", AclEntryText(entry));
    }
    (entry.is_default ? defaults : access).push_back(entry);
  }
  // Stock journals the last of these and dies when it applies the entry (compat/messages.md).
  if (!is_directory && (!defaults.empty() || action == AclAction::kRemoveDefault)) {
    return InvalidArgument("Can not set default ACL for a file");
  }
  if (action == AclAction::kRemoveAll) state.extended = {};
  if (action == AclAction::kRemoveDefault) state.default_acl.reset();

  Entries acl{state.mode, std::move(state.extended)};
  RETURN_IF_ERROR(Change(acl, action, access));
  state.mode = acl.mode;
  state.extended = std::move(acl.extended);

  const bool changes_default =
      !defaults.empty() && action != AclAction::kRemoveAll && action != AclAction::kRemoveDefault;
  if (changes_default && (state.default_acl || action != AclAction::kRemove)) {
    if (!state.default_acl) state.default_acl = DefaultAcl{state.mode, {}};
    Entries inherited{state.default_acl->mode, std::move(state.default_acl->extended)};
    RETURN_IF_ERROR(Change(inherited, action, defaults));
    state.default_acl = DefaultAcl{inherited.mode, std::move(inherited.extended)};
  }
  return state;
}

AclState InheritAcl(const DefaultAcl& parent, uint16_t mode) {
  AclState child;
  child.mode = mode;
  child.extended = parent.extended;
  const auto limit = [&](int shift) {
    SetDigit(child.mode, shift, Digit(parent.mode, shift) & Digit(mode, shift));
  };
  limit(kOwnerShift);
  limit(kOtherShift);
  if (child.extended.mask) {
    // The group bits that were asked for limit the whole group class, by the mask.
    SetDigit(child.mode, kGroupShift, Digit(parent.mode, kGroupShift));
    child.extended.mask = *parent.extended.mask & Digit(mode, kGroupShift);
  } else {
    limit(kGroupShift);
  }
  return child;
}

}  // namespace headpond::meta

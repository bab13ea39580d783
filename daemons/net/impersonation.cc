#include "net/impersonation.h"

namespace headpond::net {
namespace {

constexpr std::string_view kPrefix = "alluxio.master.security.impersonation.";
constexpr std::string_view kUsersSuffix = ".users";
constexpr std::string_view kGroupsSuffix = ".groups";
constexpr std::string_view kAnybody = "*";

std::set<std::string, std::less<>> SplitList(std::string_view text) {
  std::set<std::string, std::less<>> items;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t begin = item.find_first_not_of(" \t");
    if (begin == item.npos) continue;
    items.emplace(item.substr(begin, item.find_last_not_of(" \t") - begin + 1));
  }
  return items;
}

// The connection user in `kPrefix<user><suffix>`, or "" for any other key.
std::string_view UserOf(std::string_view key, std::string_view suffix) {
  if (!key.starts_with(kPrefix)) return {};
  key.remove_prefix(kPrefix.size());
  if (key.size() <= suffix.size() || !key.ends_with(suffix)) return {};
  return key.substr(0, key.size() - suffix.size());
}

}  // namespace

ImpersonationRules ImpersonationRules::FromProperties(
    const std::map<std::string, std::string, std::less<>>& properties) {
  ImpersonationRules result;
  for (const auto& [key, value] : properties) {
    if (const auto user = UserOf(key, kUsersSuffix); !user.empty()) {
      result.rules_[std::string(user)].users = SplitList(value);
    } else if (const auto user = UserOf(key, kGroupsSuffix); !user.empty()) {
      result.rules_[std::string(user)].groups = SplitList(value);
    }
  }
  return result;
}

Status ImpersonationRules::Check(const std::string& connection_user, const std::string& target_user,
                                 UserGroups& groups) const {
  if (connection_user == target_user) return Status::Ok();
  const auto refused = [&] {
    return Unauthenticated(
        "user {} may not act as user {}: add the name to {}{}.users, or one of its groups to "
        "{}{}.groups",
        connection_user, target_user, kPrefix, connection_user, kPrefix, connection_user);
  };
  const auto found = rules_.find(connection_user);
  if (found == rules_.end()) return refused();
  const Rule& rule = found->second;
  if (rule.users.contains(kAnybody) || rule.users.contains(target_user)) return Status::Ok();
  if (rule.groups.contains(kAnybody)) return Status::Ok();
  if (rule.groups.empty()) return refused();
  ASSIGN_OR_RETURN(const auto target_groups, groups.Groups(target_user));
  for (const std::string& group : target_groups) {
    if (rule.groups.contains(group)) return Status::Ok();
  }
  return refused();
}

}  // namespace headpond::net

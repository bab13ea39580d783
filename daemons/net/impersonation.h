#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/user_groups.h"

namespace headpond::net {

// Who may act as whom: the properties
//   alluxio.master.security.impersonation.<connection user>.users  = names, or *
//   alluxio.master.security.impersonation.<connection user>.groups = names, or *
// A value type; const use from many threads is safe.
// Source: compat/behaviour.md section 1, row "impersonation".
class ImpersonationRules {
 public:
  ImpersonationRules() = default;  // nobody may act as anybody else

  // Picks the two kinds of keys out of `properties`; ignores all others.
  static ImpersonationRules FromProperties(
      const std::map<std::string, std::string, std::less<>>& properties);

  // OK when `connection_user` may act as `target_user`. Asks `groups` about the target only when
  // the answer depends on it, and may then block as long as `groups` does. Errors: Unauthenticated,
  // naming both users and the property that would allow it; what `groups` returned.
  Status Check(const std::string& connection_user, const std::string& target_user,
               UserGroups& groups) const;

 private:
  struct Rule {
    std::set<std::string, std::less<>> users;
    std::set<std::string, std::less<>> groups;
  };
  std::map<std::string, Rule, std::less<>> rules_;
};

}  // namespace headpond::net

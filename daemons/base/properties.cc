#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

#include "base/config.h"
#include "base/properties_table.h"

namespace headpond {
namespace {

bool IsWordChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

// How many characters from the front of `text` a hole of this kind ("{}", "{n}", "{*}") may take.
size_t HoleReach(std::string_view hole, std::string_view text) {
  const auto allowed = [&](char c) {
    if (hole == "{n}") return std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (hole == "{*}") return IsWordChar(c) || c == '.' || c == '@';
    return IsWordChar(c);
  };
  return std::find_if_not(text.begin(), text.end(), allowed) - text.begin();
}

// Patterns have at most two holes, so the plain recursion is cheap.
bool Matches(std::string_view pattern, std::string_view name) {
  const size_t open = pattern.find('{');
  if (open == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, open))) return false;
  const size_t close = pattern.find('}', open);
  const std::string_view hole = pattern.substr(open, close + 1 - open);
  const std::string_view rest = pattern.substr(close + 1);
  name.remove_prefix(open);
  for (size_t taken = HoleReach(hole, name); taken > 0; --taken)
    if (Matches(rest, name.substr(taken))) return true;
  return false;
}

// The row of a plain key or an alias.
const PropertyDef* FindPlain(std::string_view name) {
  const auto rows = PropertyRows();
  const auto row = std::ranges::lower_bound(rows, name, {}, &PropertyDef::name);
  if (row != rows.end() && row->name == name) return &*row;
  const auto aliases = PropertyAliases();
  const auto alias = std::ranges::lower_bound(aliases, name, {}, &PropertyAlias::alias);
  return alias != aliases.end() && alias->alias == name ? &rows[alias->row] : nullptr;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

// The name of a mount's under-store property, "" when `key` is none.
std::string_view MountOption(std::string_view key) {
  constexpr std::string_view kOption = ".option.";
  const size_t option = key.find(kOption);
  return option == std::string_view::npos ? "" : key.substr(option + kOption.size());
}

}  // namespace

std::span<const PropertyDef> PropertyTable() {
  return PropertyRows();
}

const PropertyDef* FindProperty(std::string_view name) {
  if (const PropertyDef* plain = FindPlain(name))
    return name.find('{') == name.npos ? plain : nullptr;
  // The longest pattern is the most specific one: "...{}.option.{*}" before "...{*}".
  const PropertyDef* best = nullptr;
  for (size_t row : ParameterisedPropertyRows()) {
    const PropertyDef& candidate = PropertyRows()[row];
    if (Matches(candidate.name, name) && (!best || candidate.name.size() > best->name.size()))
      best = &candidate;
  }
  return best;
}

std::string_view CanonicalPropertyName(std::string_view name) {
  const PropertyDef* plain = FindPlain(name);
  return plain ? plain->name : name;
}

std::string NearestProperty(std::string_view name) {
  // Typing errors are few; more differences are another word. The longest key has 71 characters.
  constexpr size_t kMostEdits = 6, kLongestName = 100;
  if (name.size() > kLongestName) return "";
  const size_t limit = std::clamp<size_t>(name.size() / 5, 2, kMostEdits);
  size_t best_distance = limit + 1;
  std::string_view best;
  for (const PropertyDef& row : PropertyTable()) {
    const size_t gap =
        std::max(row.name.size(), name.size()) - std::min(row.name.size(), name.size());
    if (gap >= best_distance || row.deprecated) continue;
    const size_t distance = EditDistance(name, row.name);
    if (distance < best_distance) {
      best_distance = distance;
      best = row.name;
    }
  }
  return std::string(best);
}

std::string_view PropertyTypeName(PropertyType type) {
  switch (type) {
    case PropertyType::kString: return "STRING";
    case PropertyType::kBoolean: return "BOOLEAN";
    case PropertyType::kInteger: return "INTEGER";
    case PropertyType::kLong: return "LONG";
    case PropertyType::kDouble: return "DOUBLE";
    case PropertyType::kEnum: return "ENUM";
    case PropertyType::kClass: return "CLASS";
    case PropertyType::kDataSize: return "DATASIZE";
    case PropertyType::kDuration: return "DURATION";
    case PropertyType::kList: return "LIST";
  }
  return "";
}

bool IsCredential(std::string_view key) {
  if (const std::string_view option = MountOption(key); !option.empty())
    return IsCredential(option);
  if (const PropertyDef* def = FindProperty(key)) return def->credential;
  std::string lower(key);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::string_view kWords[] = {"secret",     "password",  "passwd",        "credential",
                                         "access.key", "accesskey", "session.token", "account.key"};
  return std::ranges::any_of(kWords,
                             [&](std::string_view word) { return lower.find(word) != lower.npos; });
}

}  // namespace headpond

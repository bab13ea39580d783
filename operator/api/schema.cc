#include "operator/api/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <regex.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/units.h"
#include "operator/api/limits.h"
#include "operator/api/shown.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr std::string_view kItemSuffix = "[]";

std::string_view Article(const json& value) {
  switch (value.type()) {
    case json::value_t::null: return "null";
    case json::value_t::boolean: return "a boolean";
    case json::value_t::string: return "a string";
    case json::value_t::array: return "a list";
    case json::value_t::object: return "a map";
    case json::value_t::number_float: return "a fraction";
    default: return "a number";
  }
}

std::string WrongType(const json& value, std::string_view wanted) {
  if (value.is_structured()) return fmt::format("is {}; must be {}", Article(value), wanted);
  return fmt::format("{} is {}; must be {}", Shown(value), Article(value), wanted);
}

// A plain YAML scalar such as no, 1.10 or 0123 is not the text it looks like: say so instead of
// guessing.
std::string NotAString(const json& value) {
  if (!value.is_primitive()) return WrongType(value, "a string");
  return fmt::format("{} is {}; must be a string: quote it", Shown(value), Article(value));
}

std::string Trimmed(double number) {
  return fmt::format("{}", number);
}

std::optional<std::string> CheckNumber(const Field& field, const json& value) {
  const bool whole = field.type == FieldType::kInteger;
  if (!value.is_number() || (whole && !value.is_number_integer()))
    return WrongType(value, whole ? "a whole number" : "a number");
  const double number = value.get<double>();
  if (number < field.min)
    return fmt::format("{} is below the minimum {}", Shown(value), Trimmed(field.min));
  if (number > field.max)
    return fmt::format("{} is above the maximum {}", Shown(value), Trimmed(field.max));
  return std::nullopt;
}

// A POSIX extended expression that a whole text must match. Not std::regex, whose matcher recurses
// once per character.
class Expression {
 public:
  explicit Expression(std::string_view expression) {
    const std::string anchored = fmt::format("^({})$", expression);
    compiled_ = ::regcomp(&regex_, anchored.c_str(), REG_EXTENDED | REG_NOSUB) == 0;
    assert(compiled_ && "a field's pattern is malformed");
  }
  ~Expression() {
    if (compiled_) ::regfree(&regex_);
  }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  bool Matches(const std::string& text) const {
    return compiled_ && text.find('\0') == std::string::npos &&
           ::regexec(&regex_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t regex_;
  bool compiled_ = false;
};

// Kubernetes counts so too: Unicode characters, not bytes. JSON texts are valid UTF-8.
size_t Characters(const std::string& text) {
  return std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::optional<std::string> CheckSize(const Field& field, const json& value) {
  static const Expression size_text(kSizePattern);
  const int64_t min = field.min == kNoMin ? 0 : static_cast<int64_t>(field.min);
  const int64_t max = field.max == kNoMax ? kMaxSizeBytes : static_cast<int64_t>(field.max);
  int64_t bytes = 0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto parsed = text.size() <= kMaxSizeText && size_text.Matches(text)
                            ? ParseSize(text)
                            : Result<int64_t>(InvalidArgument("not a size"));
    if (!parsed.ok()) return fmt::format("{} is not a size; use e.g. 1Gi", Shown(value));
    bytes = *parsed;
  } else if (value.is_number_integer() &&
             (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX)) {
    bytes = value.get<int64_t>();
  } else {
    return fmt::format("{} is not a size; use e.g. 1Gi", Shown(value));
  }
  if (bytes < min) return fmt::format("{} is below the minimum {}", Shown(value), FormatSize(min));
  if (bytes > max) return fmt::format("{} is above the maximum {}", Shown(value), FormatSize(max));
  return std::nullopt;
}

std::optional<std::string> CheckString(const Field& field, const json& value) {
  if (!value.is_string()) return NotAString(value);
  const auto& text = value.get_ref<const std::string&>();
  const auto length = static_cast<double>(Characters(text));
  if (length < field.min)
    return text.empty() ? "must not be empty" : fmt::format("{} is too short", Shown(value));
  if (length > field.max)
    return fmt::format("{} is {} characters long; at most {} are allowed", Shown(value), length,
                       field.max);
  return std::nullopt;
}

std::optional<std::string> CheckEnum(const Field& field, const json& value) {
  if (!value.is_string()) return NotAString(value);
  if (std::ranges::find(field.values, value.get_ref<const std::string&>()) != field.values.end())
    return std::nullopt;
  return fmt::format("{} is not supported; use {}", Shown(value), fmt::join(field.values, " or "));
}

void CheckStringMap(const Field& field, const json& value, const std::string& path,
                    Findings& findings) {
  if (!value.is_object()) {
    findings.errors.push_back({path, WrongType(value, "a map of strings")});
    return;
  }
  if (static_cast<double>(value.size()) > field.max)
    findings.errors.push_back(
        {path, fmt::format("has {} entries; at most {} are allowed", value.size(), field.max)});
  for (const auto& [key, item] : value.items()) {
    const std::string item_path = fmt::format("{}[{}]", path, key);
    if (key.empty() || Characters(key) > kMaxMapKey)
      findings.errors.push_back(
          {item_path, fmt::format("a key has 1 to {} characters", kMaxMapKey)});
    else if (item.is_null())
      findings.warnings.push_back({item_path, "has no value, ignored"});
    else if (!item.is_string())
      findings.errors.push_back({item_path, NotAString(item)});
    else if (Characters(item.get_ref<const std::string&>()) > kMaxMapValue)
      findings.errors.push_back(
          {item_path, fmt::format("is longer than {} characters", kMaxMapValue)});
    if (findings.errors.size() >= Schema::kMaxFindings) return;
  }
}

const json& NullJson() {
  static const json null;
  return null;
}

const json& ChildOf(const json& value, const std::string& key) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() ? *found : NullJson();
}

}  // namespace

class Schema::Pattern : public Expression {
  using Expression::Expression;
};

Schema::Node::Node() = default;
Schema::Node::~Node() = default;

void Findings::Append(Findings other) {
  std::ranges::move(other.errors, std::back_inserter(errors));
  std::ranges::move(other.warnings, std::back_inserter(warnings));
}

Schema::Schema(const std::vector<Field>& fields, std::string root, Objects objects)
    : root_(std::move(root)), objects_(objects), tree_(std::make_unique<Node>()) {
  for (const Field& field : fields) Insert(field);
}

Schema::~Schema() = default;

void Schema::Insert(const Field& field) {
  Node* node = tree_.get();
  std::string_view rest = field.path;
  while (!rest.empty()) {
    const size_t dot = rest.find('.');
    std::string_view part = rest.substr(0, dot);
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    const bool is_item = part.ends_with(kItemSuffix);
    if (is_item) part.remove_suffix(kItemSuffix.size());
    auto& child = node->children[std::string(part)];
    if (!child) child = std::make_unique<Node>();
    node = child.get();
    if (is_item) {
      if (!node->item) node->item = std::make_unique<Node>();
      node = node->item.get();
    }
  }
  assert(node->field == nullptr && "a field is listed twice");
  node->field = &field;
  if (!field.pattern.empty()) node->pattern = std::make_unique<Pattern>(field.pattern);
}

Findings Schema::Check(const json& value) const {
  Findings findings;
  if (value.is_object())
    CheckObject(*tree_, value, root_, findings);
  else
    findings.errors.push_back({root_, WrongType(value, "a map")});
  if (findings.errors.size() > kMaxFindings) findings.errors.resize(kMaxFindings);
  if (findings.warnings.size() > kMaxFindings) findings.warnings.resize(kMaxFindings);
  return findings;
}

void Schema::CheckNode(const Node& node, const json& value, const std::string& path,
                       Findings& findings) const {
  const Field& field = *node.field;
  std::optional<std::string> problem;
  switch (field.type) {
    case FieldType::kObject:
      if (value.is_object()) return CheckObject(node, value, path, findings);
      problem = WrongType(value, "a map");
      break;
    case FieldType::kList: return CheckList(node, value, path, findings);
    case FieldType::kStringMap: return CheckStringMap(field, value, path, findings);
    case FieldType::kString:
      problem = CheckString(field, value);
      if (!problem && node.pattern && !node.pattern->Matches(value.get_ref<const std::string&>()))
        problem = fmt::format("{} is not {}", Shown(value), field.pattern_text);
      break;
    case FieldType::kEnum: problem = CheckEnum(field, value); break;
    case FieldType::kInteger:
    case FieldType::kNumber: problem = CheckNumber(field, value); break;
    case FieldType::kSize: problem = CheckSize(field, value); break;
    case FieldType::kBoolean:
      if (!value.is_boolean()) problem = WrongType(value, "true or false");
      break;
  }
  if (problem) findings.errors.push_back({path, *std::move(problem)});
}

void Schema::CheckObject(const Node& node, const json& value, const std::string& path,
                         Findings& findings) const {
  for (const auto& [name, child] : node.children) {
    const json& item = ChildOf(value, name);
    if (!item.is_null())
      CheckNode(*child, item, path + "." + name, findings);
    else if (child->field->required)
      findings.errors.push_back({path + "." + name, "is required"});
    if (findings.errors.size() >= kMaxFindings) return;
  }
  std::vector<std::string_view> known;
  for (const auto& [name, child] : node.children) known.push_back(name);
  for (const auto& [name, item] : value.items()) {
    if (node.children.contains(name)) continue;
    const auto nearest = NearestName(name, known);
    findings.warnings.push_back(
        {path + "." + name.substr(0, kMaxMapKey),
         nearest.empty() ? "unknown field, ignored"
                         : fmt::format("unknown field, ignored; did you mean {}?", nearest)});
    if (findings.warnings.size() >= kMaxFindings) return;
  }
}

void Schema::CheckList(const Node& node, const json& value, const std::string& path,
                       Findings& findings) const {
  const Field& field = *node.field;
  if (!value.is_array()) {
    findings.errors.push_back({path, WrongType(value, "a list")});
    return;
  }
  const auto count = static_cast<double>(value.size());
  if (count < field.min)
    findings.errors.push_back(
        {path, fmt::format("has {} items; at least {} needed", value.size(), field.min)});
  if (count > field.max)
    findings.errors.push_back(
        {path, fmt::format("has {} items; at most {} allowed", value.size(), field.max)});
  std::set<std::string> keys;
  for (size_t i = 0; i < value.size() && findings.errors.size() < kMaxFindings; ++i) {
    const std::string item_path = fmt::format("{}[{}]", path, i);
    if (value[i].is_null()) {
      findings.errors.push_back({item_path, "is empty"});
      continue;
    }
    CheckNode(*node.item, value[i], item_path, findings);
    if (field.list_key.empty()) continue;
    const std::string key_name(field.list_key);
    const json& key = ChildOf(value[i], key_name);
    if (key.is_string() && !keys.insert(key.get<std::string>()).second)
      findings.errors.push_back(
          {item_path + "." + key_name, fmt::format("{} is there twice", Shown(key))});
  }
}

json Schema::WithDefaults(json value) const {
  FillDefaults(*tree_, value);
  return value;
}

void Schema::FillDefaults(const Node& node, json& value) const {
  if (node.item && value.is_array()) {
    for (json& item : value) FillDefaults(*node.item, item);
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [name, child] : node.children) {
    auto found = value.find(name);
    if (found == value.end() || found->is_null()) {
      const Field& field = *child->field;
      if (found != value.end()) value.erase(found);
      if (!field.default_json.empty())
        value[name] = json::parse(field.default_json);
      else if (field.type == FieldType::kObject && !field.required && objects_ == Objects::kEmpty)
        value[name] = json::object();
      else
        continue;
    }
    FillDefaults(*child, value[name]);
  }
}

json Schema::WithoutUnknown(json value) const {
  RemoveUnknown(*tree_, value);
  return value;
}

void Schema::RemoveUnknown(const Node& node, json& value) const {
  if (node.item && value.is_array()) {
    for (json& item : value) RemoveUnknown(*node.item, item);
    return;
  }
  if (!value.is_object()) return;
  const bool any_key = node.field != nullptr && node.field->type == FieldType::kStringMap;
  for (auto it = value.begin(); it != value.end();) {
    const auto child = node.children.find(it.key());
    if (it->is_null() || (!any_key && child == node.children.end())) {
      it = value.erase(it);
      continue;
    }
    if (!any_key) RemoveUnknown(*child->second, *it);
    ++it;
  }
}

std::vector<FieldIssue> Schema::CheckTransition(const json& before, const json& after) const {
  std::vector<FieldIssue> issues;
  CompareNode(*tree_, before, after, root_, issues);
  return issues;
}

void Schema::CompareNode(const Node& node, const json& before, const json& after,
                         const std::string& path, std::vector<FieldIssue>& issues) const {
  if (node.field != nullptr && node.field->mutability == Mutability::kImmutable) {
    if (before != after)
      issues.push_back({path, fmt::format("cannot change from {} to {} after creation",
                                          Shown(before), Shown(after))});
    return;
  }
  for (const auto& [name, child] : node.children)
    CompareNode(*child, ChildOf(before, name), ChildOf(after, name), path + "." + name, issues);
}

int64_t SizeOf(const json& value) {
  return value.is_string() ? ParseSize(value.get_ref<const std::string&>()).value_or(0)
                           : value.get<int64_t>();
}

std::string_view NearestName(std::string_view name, const std::vector<std::string_view>& known) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  const auto distance = [&](std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= b.size(); ++j) {
        const size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    return row[b.size()];
  };
  constexpr size_t kLongestTypo = 64;  // bounds the work for hostile names
  if (name.size() > kLongestTypo) return {};
  std::string_view best;
  size_t best_distance = (name.size() < 4 ? 1 : std::max<size_t>(2, name.size() / 3)) + 1;
  for (const std::string_view candidate : known) {
    const size_t d = distance(name, candidate);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace headpond::api

#include "operator/apiserver/field_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;  // of an object's body, see ParseBody
constexpr std::string_view kSelf = ".";

std::string Text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// "f:", "k:" or "v:" and something that means a path; "i:" (an index) is for lists that nobody's
// schema has.
bool IsElement(std::string_view text) {
  if (text.starts_with("f:")) return true;
  if (!text.starts_with("v:") && !text.starts_with("k:")) return false;
  const json key = json::parse(text.substr(2), nullptr, /*allow_exceptions=*/false);
  if (text.starts_with("v:")) return key.is_primitive() && !key.is_discarded();
  return key.is_object() && !key.empty() &&
         std::ranges::all_of(key, [](const json& value) { return value.is_primitive(); });
}

void Collect(const FieldSet& set, const std::string& path, std::vector<std::string>& paths) {
  if (set.member()) paths.push_back(path);
  for (const auto& [element, child] : set.children())
    Collect(child, path + ReadableElement(element), paths);
}

std::optional<FieldSet> Read(const json& fields, int depth) {
  if (!fields.is_object() || depth > kMaxDepth) return std::nullopt;
  FieldSet set;
  for (const auto& [element, below] : fields.items()) {
    if (element == kSelf) {
      set.Insert();
      continue;
    }
    auto child = IsElement(element) ? Read(below, depth + 1) : std::nullopt;
    if (!child) return std::nullopt;
    if (below.empty()) child->Insert();  // a leaf
    set.Add(element, *std::move(child));
  }
  return set;
}

}  // namespace

std::optional<FieldSet> FieldSet::FromJson(const json& fields) {
  return Read(fields, 0);
}

json FieldSet::ToJson() const {
  json out = json::object();
  if (member_ && !children_.empty()) out[std::string(kSelf)] = json::object();
  for (const auto& [element, child] : children_) out[element] = child.ToJson();
  return out;
}

const FieldSet* FieldSet::Child(std::string_view element) const {
  const auto found = children_.find(element);
  return found == children_.end() ? nullptr : &found->second;
}

void FieldSet::Add(const std::string& element, FieldSet set) {
  if (set.empty()) return;
  const auto [at, added] = children_.try_emplace(element, FieldSet());
  at->second = added ? std::move(set) : at->second.Union(set);
}

FieldSet FieldSet::Union(const FieldSet& other) const {
  FieldSet out = *this;
  out.member_ |= other.member_;
  for (const auto& [element, child] : other.children_) out.Add(element, child);
  return out;
}

FieldSet FieldSet::Intersection(const FieldSet& other) const {
  FieldSet out;
  out.member_ = member_ && other.member_;
  for (const auto& [element, child] : children_)
    if (const FieldSet* const also = other.Child(element))
      out.Add(element, child.Intersection(*also));
  return out;
}

FieldSet FieldSet::Minus(const FieldSet& other) const {
  FieldSet out;
  out.member_ = member_ && !other.member_;
  for (const auto& [element, child] : children_) {
    const FieldSet* const less = other.Child(element);
    out.Add(element, less == nullptr ? child : child.Minus(*less));
  }
  return out;
}

std::vector<std::string> FieldSet::Paths() const {
  std::vector<std::string> paths;
  Collect(*this, "", paths);
  return paths;
}

std::string FieldElement(std::string_view name) {
  return fmt::format("f:{}", name);
}

std::string KeyElement(const std::string& key, const json& value) {
  return "k:" + Text({{key, value}});
}

std::string ValueElement(const json& value) {
  return "v:" + Text(value);
}

std::string ReadableElement(const std::string& element) {
  const std::string rest = element.substr(2);
  if (element[0] == 'f') return "." + rest;
  if (element[0] == 'v') return fmt::format("[={}]", rest);
  std::string keys;
  const json key = json::parse(rest);
  for (const auto& [name, value] : key.items())
    keys += fmt::format("{}{}={}", keys.empty() ? "" : ",", name, Text(value));
  return fmt::format("[{}]", keys);
}

}  // namespace headpond::apiserver

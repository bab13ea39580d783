#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headpond::apiserver {

// A set of fields of one object: what managedFields calls FieldsV1.
//
// A tree whose edges are path elements as FieldsV1 writes them:
//
//   f:replicas            a field of an object or an entry of a map
//   k:{"path":"/a"}       an item of a list whose items have a key
//   v:"x"                 an item of a list without duplicates
//
// A node is a member of the set when its owner set that very value; its descendants may be members
// too, or instead. A value; thread compatible.
class FieldSet {
 public:
  using Children = std::map<std::string, FieldSet, std::less<>>;

  // Of {"f:spec": {".": {}, "f:replicas": {}}}. Nullopt when it is no such tree or nests deeper
  // than an object may.
  static std::optional<FieldSet> FromJson(const nlohmann::json& fields);
  nlohmann::json ToJson() const;

  // True when nothing is a member, here or below.
  bool empty() const { return !member_ && children_.empty(); }
  bool member() const { return member_; }
  const Children& children() const { return children_; }
  // Null when nothing at or below the element is a member.
  const FieldSet* Child(std::string_view element) const;

  void Insert() { member_ = true; }
  // Adds everything of `set` below `element`; nothing when it is empty.
  void Add(const std::string& element, FieldSet set);
  void Remove(const std::string& element) { children_.erase(element); }

  FieldSet Union(const FieldSet& other) const;
  FieldSet Intersection(const FieldSet& other) const;
  FieldSet Minus(const FieldSet& other) const;

  // The members as people read them: .spec.mounts[path="/b"].uri. In the order of the elements.
  std::vector<std::string> Paths() const;

  friend bool operator==(const FieldSet&, const FieldSet&) = default;

 private:
  bool member_ = false;
  Children children_;  // none of them empty
};

// The elements of FieldsV1.
std::string FieldElement(std::string_view name);
std::string KeyElement(const std::string& key, const nlohmann::json& value);
std::string ValueElement(const nlohmann::json& value);
// As a part of a path that people read: .uri, [path="/b"], [="x"].
std::string ReadableElement(const std::string& element);

}  // namespace headpond::apiserver

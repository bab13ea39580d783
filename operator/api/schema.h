#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/field_table.h"

namespace headpond::api {

// Something wrong with one field: {"spec.worker.replicas", "\"two\" is a string; must be a whole
// number"}.
struct FieldIssue {
  std::string path;  // as kubectl prints it: spec.worker.tieredStore.levels[0].quota,
                     // spec.properties[a.b.c]
  std::string message;

  std::string ToString() const { return path + ": " + message; }
  friend bool operator==(const FieldIssue&, const FieldIssue&) = default;
};

// What a check found. Errors stop an object from being accepted, warnings are shown to its author.
struct Findings {
  std::vector<FieldIssue> errors;
  std::vector<FieldIssue> warnings;

  bool ok() const { return errors.empty(); }
  void Append(Findings other);
};

// The tree that a field table describes. Immutable once made, so many threads may use one. All
// functions take the value found under `spec`; paths in findings start with the `root` given to the
// constructor.
class Schema {
 public:
  // What an absent object becomes when defaults are filled in.
  enum class Objects { kEmpty, kAbsent };
  // Keeps a reference to `fields`.
  explicit Schema(const std::vector<Field>& fields, std::string root = "spec",
                  Objects objects = Objects::kEmpty);
  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  // Types, ranges, patterns, required and unknown fields (a warning, naming the nearest known
  // field). Reports everything it finds, at most kMaxFindings.
  Findings Check(const nlohmann::json& value) const;

  // `value` with every absent or null field that has a default set to it. Expects a value that
  // Check accepts; other parts are returned as they are.
  nlohmann::json WithDefaults(nlohmann::json value) const;

  // `value` without the fields that the table doesn't know and without nulls, which count as
  // absent.
  nlohmann::json WithoutUnknown(nlohmann::json value) const;

  // The immutable fields that differ. Both values have their defaults.
  std::vector<FieldIssue> CheckTransition(const nlohmann::json& before,
                                          const nlohmann::json& after) const;

  static constexpr size_t kMaxFindings = 100;

 private:
  class Pattern;
  struct Node {
    Node();
    ~Node();
    const Field* field = nullptr;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children;  // of an object
    std::unique_ptr<Node> item;                                          // of a list
    std::unique_ptr<Pattern> pattern;
  };

  void Insert(const Field& field);
  void CheckNode(const Node& node, const nlohmann::json& value, const std::string& path,
                 Findings& findings) const;
  void CheckObject(const Node& node, const nlohmann::json& value, const std::string& path,
                   Findings& findings) const;
  void CheckList(const Node& node, const nlohmann::json& value, const std::string& path,
                 Findings& findings) const;
  void FillDefaults(const Node& node, nlohmann::json& value) const;
  void RemoveUnknown(const Node& node, nlohmann::json& value) const;
  void CompareNode(const Node& node, const nlohmann::json& before, const nlohmann::json& after,
                   const std::string& path, std::vector<FieldIssue>& issues) const;

  const std::string root_;
  const Objects objects_;
  std::unique_ptr<Node> tree_;
};

// Bytes of a kSize value: a text that ParseSize takes or a whole number. Expects a value that
// Schema::Check accepts.
int64_t SizeOf(const nlohmann::json& value);

// The entry of `known` nearest to `name` by edit distance (case ignored), or "" when none is near
// enough to be meant.
std::string_view NearestName(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace headpond::api

#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::api {

// One document of a YAML text as the JSON that kubectl would send for it, and where its parts
// stand.
class YamlDocument {
 public:
  YamlDocument(nlohmann::json value, std::map<std::string, int, std::less<>> lines, int first_line);
  ~YamlDocument();
  YamlDocument(YamlDocument&&) noexcept;
  YamlDocument& operator=(YamlDocument&&) noexcept;

  const nlohmann::json& value() const { return *value_; }

  // The line (from 1) of the field at `path`, written as in FieldIssue::path; of the nearest parent
  // that is there when the field isn't.
  int LineOf(std::string_view path) const;

 private:
  std::unique_ptr<nlohmann::json> value_;
  std::map<std::string, int, std::less<>> lines_;
  int first_line_;
};

// Bounds on what a text may cost before it is looked at any further.
struct YamlLimits {
  size_t bytes = 1 << 20;
  size_t depth = 64;
  size_t nodes = 100'000;  // of all documents, every use of an alias counted in full
  size_t documents = 100;
};

// Reads a YAML text (JSON is YAML) of any number of documents; empty ones are left out.
//
// Plain scalars mean what they mean to kubectl (YAML 1.1: yes, no, on, off, y, n are booleans, 0x10
// and 010 numbers); a quoted scalar is always a string. Aliases and merge keys (<<) are followed.
// Errors: InvalidArgument "line 3: ..." for bad syntax, duplicate keys, keys that aren't scalars,
// tags other than
// !!str, !!int, !!float, !!bool, !!null, numbers JSON can't hold (.inf, .nan) and bytes that aren't
// UTF-8; ResourceExhausted past a limit.
Result<std::vector<YamlDocument>> ParseYaml(std::string_view text, const YamlLimits& limits = {});

// The shortest YAML that ParseYaml reads back as `value`. Keys are sorted; no trailing newline.
std::string ToYaml(const nlohmann::json& value);

}  // namespace headpond::api

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/apiserver/api_error.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {

// Which objects of a list or watch are wanted. A value type.
class Selector {
 public:
  // `labels` is a labelSelector ("a=b,c!=d,e in (f,g),n>1,h notin (i),j,!k"), `fields` a
  // fieldSelector
  // ("metadata.name=a,reason!=b"); both may be empty. 400 for bad syntax and for fields that the
  // type does not offer.
  static Outcome<Selector> Parse(const ResourceType& type, std::string_view labels,
                                 std::string_view fields);

  bool Matches(const nlohmann::json& object) const;
  bool empty() const { return labels_.empty() && fields_.empty(); }

 private:
  enum class Operator { kIn, kNotIn, kExists, kNotExists, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op = Operator::kIn;
    std::vector<std::string> values;
  };
  class LabelParser;

  static bool Holds(const Requirement& requirement, const std::string* value);

  std::vector<Requirement> labels_;
  std::vector<Requirement> fields_;  // kIn and kNotIn; an absent field counts as ""
};

}  // namespace headpond::apiserver

#include "operator/api/condition_fields.h"

namespace headpond::api {

std::vector<Field> WithCommonStatus(std::vector<Field> fields) {
  using enum FieldType;
  fields.insert(fields.begin(),
                {.path = "observedGeneration",
                 .type = kInteger,
                 .min = 0,
                 .description = "The generation of the spec that the rest is about."});
  // Bounds far above what the operator says keep a faulty writer from filling the store.
  const std::vector<Field> conditions = {
      {.path = "conditions",
       .type = kList,
       .max = 64,
       .list_key = "type",
       .description = "What holds and what doesn't."},
      {.path = "conditions[]", .description = "One condition."},
      {.path = "conditions[].type",
       .type = kString,
       .required = true,
       .min = 1,
       .max = 316,
       .description = "What it is about, such as Ready."},
      {.path = "conditions[].status",
       .type = kEnum,
       .required = true,
       .values = {"True", "False", "Unknown"},
       .description = "Whether it holds."},
      {.path = "conditions[].reason",
       .type = kString,
       .max = 1024,
       .description = "Why, in one word."},
      {.path = "conditions[].message",
       .type = kString,
       .max = 32768,
       .description = "Why, for people."},
      {.path = "conditions[].lastTransitionTime",
       .type = kString,
       .max = 64,
       .description = "When the status changed last."},
      {.path = "conditions[].observedGeneration",
       .type = kInteger,
       .min = 0,
       .description = "The generation of the spec that it was said of."},
  };
  fields.insert(fields.end(), conditions.begin(), conditions.end());
  return fields;
}

}  // namespace headpond::api

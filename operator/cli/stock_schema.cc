#include "operator/cli/stock_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/cli/stock_values.h"

namespace headpond::operator_cli {
namespace {

using nlohmann::json;

const json& Scalars() {
  static const json types = {"string", "number", "boolean", "null"};
  return types;
}

json OrNull(const char* type) {
  return {{"type", {type, "null"}}};
}

json WordSchema(const json& row) {
  if (!row.contains("of")) return {{"type", Scalars()}, {"pattern", "^[^\\s,]*$"}};
  json values = row.at("of");
  values.push_back("");
  values.push_back(nullptr);
  return {{"enum", std::move(values)}};
}

json SchemaOf(const json& row) {
  const auto& is = row.at("is").get_ref<const std::string&>();
  if (is == "word") return WordSchema(row);
  if (is == "text") return {{"type", Scalars()}};
  if (is == "switch") return OrNull("boolean");
  if (is == "size")
    return {{"type", {"string", "number", "null"}},
            {"pattern", "^[0-9]+([.][0-9]+)?(k|[MGTP]|[KMGTP]i)?$"}};
  json schema = OrNull(is == "count"                  ? "integer"
                       : is == "number"               ? "number"
                       : is == "group" || is == "map" ? "object"
                                                      : "array");
  if (is == "map") schema["additionalProperties"] = {{"type", Scalars()}};
  if (is == "texts") schema["items"] = {{"type", {"string", "number", "boolean"}}};
  if (is == "list" || is == "claims") schema["items"] = {{"type", "object"}};
  if (row.contains("min")) schema["minimum"] = row.at("min");
  if (row.contains("max")) schema["maximum"] = row.at("max");
  return schema;
}

// Where the schema of a key belongs: "a.b[].c" is under properties, items and properties.
json::json_pointer PlaceOf(const std::string& key) {
  json::json_pointer place;
  size_t begin = 0;
  while (begin <= key.size()) {
    const size_t end = std::min(key.find('.', begin), key.size());
    std::string name = key.substr(begin, end - begin);
    const bool item = name.ends_with("[]");
    if (item) name.resize(name.size() - 2);
    place = place / "properties" / name;
    if (item) place = place / "items";
    begin = end + 1;
  }
  return place;
}

}  // namespace

std::string StockValuesSchema() {
  json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "headpond"},
                 {"type", "object"}};
  for (const auto& [key, row] : StockKeys().items()) {
    const json::json_pointer place = PlaceOf(key);
    schema[place].update(SchemaOf(row));
    if (row.contains("must"))
      schema[place.parent_pointer().parent_pointer()]["required"].push_back(place.back());
  }
  return schema.dump(2) + "\n";
}

}  // namespace headpond::operator_cli

#include "operator/apiserver/known_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/rfc3339.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

class Walker {
 public:
  KnownFields found;

  void Object(std::span<const ProtoField> fields, json& value, const std::string& path) {
    if (!value.is_object()) return Fail(path, "must be a map");
    for (auto it = value.begin(); it != value.end();) {
      const std::string at = path.empty() ? it.key() : fmt::format("{}.{}", path, it.key());
      const auto field = std::ranges::find(fields, it.key(), &ProtoField::name);
      if (field == fields.end()) found.unknown.push_back(at);
      if (field == fields.end() || it->is_null()) {
        it = value.erase(it);
        continue;
      }
      if (field->repeated)
        List(*field, *it, at);
      else
        Value(*field, *it, at);
      ++it;
    }
  }

 private:
  void Fail(const std::string& path, std::string_view what) {
    if (!found.error) found.error = fmt::format("{}: {}", path, what);
  }

  void List(const ProtoField& field, json& value, const std::string& path) {
    if (!value.is_array()) return Fail(path, "must be a list");
    for (size_t i = 0; i < value.size(); ++i)
      Value(field, value[i], fmt::format("{}[{}]", path, i));
  }

  void Map(json& value, const std::string& path, bool base64) {
    if (!value.is_object()) return Fail(path, "must be a map of strings");
    for (auto it = value.begin(); it != value.end(); ++it) {
      if (it->is_null()) *it = "";
      const std::string at = fmt::format("{}[{}]", path, it.key());
      if (!it->is_string())
        Fail(at, "must be a string: quote it");
      else if (base64 && !DecodeBase64(it->get_ref<const std::string&>()))
        Fail(at, "must be base64; plain text goes under stringData (Secret) or data (ConfigMap)");
    }
  }

  void Time(json& value, const std::string& path, bool micros) {
    const auto instant = value.is_string() ? ParseRfc3339(value.get_ref<const std::string&>())
                                           : std::optional<Instant>();
    if (!instant) return Fail(path, "must be a time such as 2026-01-02T03:04:05Z");
    value = micros ? FormatRfc3339Micros(*instant) : FormatRfc3339(instant->ms());
  }

  void Value(const ProtoField& field, json& value, const std::string& path) {
    switch (field.type) {
      case ProtoType::kAny: return;
      case ProtoType::kString:
      case ProtoType::kMaybeString:
        if (!value.is_string()) Fail(path, "must be a string: quote it");
        return;
      case ProtoType::kInteger:
      case ProtoType::kMaybeInteger:
        if (!value.is_number_integer()) Fail(path, "must be a whole number");
        return;
      case ProtoType::kMaybeBoolean:
        if (!value.is_boolean()) Fail(path, "must be true or false");
        return;
      case ProtoType::kTime: return Time(value, path, /*micros=*/false);
      case ProtoType::kMicroTime: return Time(value, path, /*micros=*/true);
      case ProtoType::kMessage: return Object(field.message, value, path);
      case ProtoType::kStringMap: return Map(value, path, /*base64=*/false);
      case ProtoType::kBytesMap: return Map(value, path, /*base64=*/true);
    }
  }
};

}  // namespace

KnownFields KeepKnownFields(std::span<const ProtoField> fields, json& value,
                            const std::string& path) {
  Walker walker;
  walker.Object(fields, value, path);
  return std::move(walker.found);
}

}  // namespace headpond::apiserver

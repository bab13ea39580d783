#include "base/config_report.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace headpond {
namespace {

constexpr std::string_view kVersionKey = "alluxio.version";

ReportedProperty Report(const Config& config, std::string_view name, bool raw) {
  const Config::Entry* entry = config.FindEntry(name);
  ReportedProperty property{.name = std::string(name),
                            .value = raw ? config.FindRaw(name) : config.Find(name),
                            .source = entry ? Config::SourceText(*entry) : "DEFAULT"};
  if (property.value && IsCredential(name)) property.value = std::string(kMaskedValue);
  if (name == kVersionKey) property.value = std::string(kCompatVersion);
  return property;
}

bool HasHoles(const PropertyDef& def) {
  return def.name.find('{') != def.name.npos;
}

}  // namespace

std::vector<ReportedProperty> ReportedProperties(const Config& config, bool raw) {
  std::vector<ReportedProperty> properties;
  for (const PropertyDef& def : PropertyTable())
    if (!HasHoles(def)) properties.push_back(Report(config, def.name, raw));
  for (const auto& [name, entry] : config.entries()) {
    const PropertyDef* def = FindProperty(name);
    if (def && HasHoles(*def)) properties.push_back(Report(config, name, raw));
  }
  std::ranges::sort(properties, {}, &ReportedProperty::name);
  return properties;
}

std::vector<ReportedProperty> CheckedProperties(const Config& config, int scope) {
  std::vector<ReportedProperty> properties = ReportedProperties(config, /*raw=*/false);
  std::erase_if(properties, [&](const ReportedProperty& property) {
    const PropertyDef* def = FindProperty(property.name);
    return def == nullptr || def->check == ConsistencyCheck::kIgnore || (def->scope & scope) == 0;
  });
  return properties;
}

std::string ConfigHash(std::span<const ReportedProperty> properties) {
  // Lengths go first, so that no two lists have the same text.
  std::string text;
  const auto append = [&](std::string_view part) {
    text += fmt::format("{}:{}", part.size(), part);
  };
  for (const ReportedProperty& property : properties) {
    append(property.name);
    text += property.value ? "=" : "-";
    if (property.value) append(*property.value);
    append(property.source);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  [[maybe_unused]] const int done =
      EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr);
  assert(done == 1);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace headpond

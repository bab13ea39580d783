#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// How a size is written in a spec, where three have to agree: ParseSize, which reads it, the
// pattern of the schema, and quantity() of Kubernetes' expression language.
namespace headpond::api {

// Units are powers of 1024 whatever their case and spelling, as in alluxio-site.properties: 1G,
// 1GB, 1Gi and 1GiB are the same. Nine digits of a fraction are what quantity() keeps.
inline constexpr std::string_view kSizePattern =
    "[0-9]{1,19}(\\.[0-9]{1,9})?([KkMmGgTtPp][Ii]?[Bb]?|[Bb])?";
inline constexpr size_t kMaxSizeText = 32;
inline constexpr int64_t kMaxSizeBytes = int64_t{1} << 60;

// The expression for the bytes of a size that is written as text: a quantity.
std::string CelBytes(std::string_view size);
// The same of one that is a text or a number.
std::string CelSize(std::string_view size);

// Of all maps of strings, in characters.
inline constexpr size_t kMaxMapKey = 253;
inline constexpr size_t kMaxMapValue = 65536;

}  // namespace headpond::api

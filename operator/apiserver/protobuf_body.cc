#include "operator/apiserver/protobuf_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/base64.h"
#include "base/result.h"
#include "base/rfc3339.h"
#include "operator/apiserver/protobuf_fields.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr std::string_view kMagic("k8s\0", 4);
constexpr int kMaxVarintBytes = 10;
// The years 1 to 9999, as RFC 3339 can say them.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;

enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// One field as it is on the wire.
struct WireField {
  int number = 0;
  WireType type = WireType::kVarint;
  uint64_t number_value = 0;     // of kVarint
  std::string_view bytes_value;  // of kBytes
};

// Reads the fields of one message, one after the other.
class WireReader {
 public:
  explicit WireReader(std::string_view text) : text_(text) {}

  bool AtEnd() const { return text_.empty(); }

  // Nullopt when the text is malformed; groups, which proto2 had long ago, are.
  std::optional<WireField> Next() {
    const auto tag = Varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > kMaxFieldNumber) return std::nullopt;
    WireField field{.number = static_cast<int>(*tag >> 3), .type = static_cast<WireType>(*tag & 7)};
    switch (field.type) {
      case WireType::kVarint: {
        const auto value = Varint();
        if (!value) return std::nullopt;
        field.number_value = *value;
        return field;
      }
      case WireType::kBytes: {
        const auto length = Varint();
        if (!length || !Take(*length, field.bytes_value)) return std::nullopt;
        return field;
      }
      case WireType::kFixed64:
        return Take(8, field.bytes_value) ? std::optional(field) : std::nullopt;
      case WireType::kFixed32:
        return Take(4, field.bytes_value) ? std::optional(field) : std::nullopt;
    }
    return std::nullopt;
  }

 private:
  static constexpr uint64_t kMaxFieldNumber = (1 << 29) - 1;

  std::optional<uint64_t> Varint() {
    uint64_t value = 0;
    for (int i = 0; i < kMaxVarintBytes && !text_.empty(); ++i) {
      const auto byte = static_cast<unsigned char>(text_.front());
      text_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  bool Take(uint64_t length, std::string_view& out) {
    if (length > text_.size()) return false;
    out = text_.substr(0, length);
    text_.remove_prefix(length);
    return true;
  }

  std::string_view text_;
};

bool IsUtf8(std::string_view text) {
  const auto byte = [&](size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  while (!text.empty()) {
    const uint32_t first = byte(0);
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xc2 && first < 0xe0 ? 2
                          : first >= 0xe0 && first < 0xf0 ? 3
                          : first >= 0xf0 && first < 0xf5 ? 4
                                                          : 0;
    if (length == 0 || length > text.size()) return false;
    uint32_t code = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
      code = code << 6 | (byte(i) & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (surrogate || overlong || code > 0x10ffff) return false;
    text.remove_prefix(length);
  }
  return true;
}

ApiError Malformed(std::string_view where) {
  return BadRequestError(
      fmt::format("the object provided is unrecognized: malformed protobuf at {}",
                  where.empty() ? "." : where));
}

class Decoder {
 public:
  Outcome<json> Message(std::string_view text, std::span<const ProtoField> fields,
                        const std::string& path) {
    json out = json::object();
    for (WireReader reader(text); !reader.AtEnd();) {
      const auto wire = reader.Next();
      if (!wire) return Malformed(path);
      const auto field = std::ranges::find(fields, wire->number, &ProtoField::number);
      if (field == fields.end() || field->type == ProtoType::kAny) continue;
      const std::string field_path = fmt::format("{}.{}", path, field->name);
      if (++values_ > kMaxProtobufValues)
        return BadRequestError(
            fmt::format("{}: the body has more than {} values", field_path, kMaxProtobufValues));
      if (auto error = Add(out, *field, *wire, field_path)) return *std::move(error);
    }
    return out;
  }

 private:
  std::optional<ApiError> Add(json& out, const ProtoField& field, const WireField& wire,
                              const std::string& path) {
    const bool is_number = field.type == ProtoType::kInteger ||
                           field.type == ProtoType::kMaybeInteger ||
                           field.type == ProtoType::kMaybeBoolean;
    if (wire.type != (is_number ? WireType::kVarint : WireType::kBytes)) return Malformed(path);
    if (field.type == ProtoType::kStringMap || field.type == ProtoType::kBytesMap)
      return AddEntry(out[std::string(field.name)], field, wire.bytes_value, path);
    auto value = Value(field, wire, path);
    if (!value.ok()) return value.status();
    if (value->is_null()) return std::nullopt;
    if (field.repeated)
      out[std::string(field.name)].push_back(*std::move(value));
    else
      out[std::string(field.name)] = *std::move(value);
    return std::nullopt;
  }

  // Null: the field is absent.
  Outcome<json> Value(const ProtoField& field, const WireField& wire, const std::string& path) {
    switch (field.type) {
      case ProtoType::kString:
      case ProtoType::kMaybeString:
        if (!IsUtf8(wire.bytes_value)) return Malformed(path);
        if (wire.bytes_value.empty() && field.type == ProtoType::kString && !field.repeated)
          return json();
        return json(wire.bytes_value);
      case ProtoType::kInteger:
        if (wire.number_value == 0) return json();
        return json(static_cast<int64_t>(wire.number_value));
      case ProtoType::kMaybeInteger: return json(static_cast<int64_t>(wire.number_value));
      case ProtoType::kMaybeBoolean: return json(wire.number_value != 0);
      case ProtoType::kTime: return Time(wire.bytes_value, path, /*micros=*/false);
      case ProtoType::kMicroTime: return Time(wire.bytes_value, path, /*micros=*/true);
      case ProtoType::kMessage: return Message(wire.bytes_value, field.message, path);
      case ProtoType::kStringMap:
      case ProtoType::kBytesMap:  // see AddEntry
      case ProtoType::kAny: break;
    }
    return json();
  }

  static Outcome<json> Time(std::string_view text, const std::string& path, bool micros) {
    int64_t seconds = 0, nanos = 0;
    for (WireReader reader(text); !reader.AtEnd();) {
      const auto wire = reader.Next();
      if (!wire || wire->type != WireType::kVarint) return Malformed(path);
      if (wire->number == 1) seconds = static_cast<int64_t>(wire->number_value);
      if (wire->number == 2) nanos = static_cast<int64_t>(wire->number_value);
    }
    if (seconds == 0 && nanos == 0) return json();
    constexpr int64_t kNanosPerSecond = 1'000'000'000;
    if (seconds < kFirstSecond || seconds > kLastSecond || nanos < 0 || nanos >= kNanosPerSecond)
      return Malformed(path);
    return json(micros ? FormatRfc3339Micros({.seconds = seconds, .micros = nanos / 1000})
                       : FormatRfc3339(seconds * 1000));
  }

  std::optional<ApiError> AddEntry(json& map, const ProtoField& field, std::string_view text,
                                   const std::string& path) {
    std::string_view key, value;
    for (WireReader reader(text); !reader.AtEnd();) {
      const auto wire = reader.Next();
      if (!wire || wire->type != WireType::kBytes) return Malformed(path);
      if (wire->number == 1) key = wire->bytes_value;
      if (wire->number == 2) value = wire->bytes_value;
    }
    const bool bytes = field.type == ProtoType::kBytesMap;
    if (!IsUtf8(key) || (!bytes && !IsUtf8(value))) return Malformed(path);
    map[std::string(key)] = bytes ? json(EncodeBase64(value)) : json(std::string(value));
    return std::nullopt;
  }

  int values_ = 0;
};

}  // namespace

Outcome<json> DecodeProtobuf(std::string_view body) {
  if (!body.starts_with(kMagic)) return Malformed("the first four bytes");
  // The envelope of every kind: runtime.Unknown.
  static constexpr ProtoField kTypeMeta[] = {{1, "apiVersion", ProtoType::kString},
                                             {2, "kind", ProtoType::kString}};
  json type = json::object();
  std::string_view raw;
  for (WireReader reader(body.substr(kMagic.size())); !reader.AtEnd();) {
    const auto wire = reader.Next();
    if (!wire) return Malformed("the envelope");
    if (wire->type != WireType::kBytes) continue;
    if (wire->number == 1) {
      ASSIGN_OR_RETURN(type, Decoder().Message(wire->bytes_value, kTypeMeta, ""));
    }
    if (wire->number == 2) raw = wire->bytes_value;
  }
  const std::string version = type.value("apiVersion", ""), kind = type.value("kind", "");
  const auto fields = ProtobufFieldsOf(version, kind);
  if (fields.empty())
    return BadRequestError(fmt::format(
        "no kind \"{}\" of version \"{}\" is taken as protobuf; send JSON", kind, version));
  ASSIGN_OR_RETURN(json object, Decoder().Message(raw, fields, ""));
  object["apiVersion"] = version;
  object["kind"] = kind;
  return object;
}

}  // namespace headpond::apiserver

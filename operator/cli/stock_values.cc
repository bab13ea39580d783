#include "operator/cli/stock_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/api/shown.h"
#include "operator/api/yaml.h"

namespace headpond::operator_cli {
namespace {

using api::Shown;
using nlohmann::json;

// The file is part of the program: that it is well-formed is a test's matter.
const json& KeysFile() {
  static const json file = [] {
    auto documents = api::ParseYaml(StockKeysText());
    return documents.ok() && !documents->empty() ? documents->front().value() : json::object();
  }();
  return file;
}

const json& Part(const char* name) {
  static const json none = json::object();
  const auto found = KeysFile().find(name);
  return found == KeysFile().end() ? none : *found;
}

std::string RowText(const json& row, const char* name) {
  return row.value(name, std::string());
}

// Nothing, written in one of the ways there are.
bool IsNothing(const json& value) {
  return value.is_null() || value == false || value == "" ||
         (value.is_structured() && value.empty());
}

bool AsksForSomething(const json& row, const json& value) {
  if (IsNothing(value) || (row.contains("same") && row.at("same") == value)) return false;
  const std::string needs = RowText(row, "needs");
  return needs.empty() || (value.is_object() && value.contains(needs) && value.at(needs) == true);
}

class Checker {
 public:
  api::Findings Check(const json& values) {
    if (values.is_object())
      Children(values, "", "");
    else
      Error("", values, "a map of keys such as master.count");
    return std::move(findings_);
  }

 private:
  void Error(const std::string& path, const json& value, std::string_view wanted) {
    findings_.errors.push_back({path, fmt::format("{} is not {}", Shown(value), wanted)});
  }

  // `key` is the path with "[]" for every item, as in the table.
  void Children(const json& object, const std::string& path, const std::string& key) {
    for (const auto& [name, value] : object.items()) {
      const char* const dot = path.empty() ? "" : ".";
      Value(value, path + dot + name, key + dot + name);
    }
  }

  void Value(const json& value, const std::string& path, const std::string& key) {
    const auto row = StockKeys().find(key);
    if (row == StockKeys().end()) return Unknown(path, key);
    if (value.is_null()) return;
    if (!Fits(*row, value, path)) return;
    const std::string_view why = WhyDropped(*row);
    if (!why.empty() && AsksForSomething(*row, value)) Warn(path, std::string(why));
    if (!why.empty() && !HasChildren(key)) return;
    quiet_ += why.empty() ? 0 : 1;  // one reason is enough
    Descend(RowText(*row, "is"), value, path, key);
    quiet_ -= why.empty() ? 0 : 1;
  }

  void Descend(const std::string& is, const json& value, const std::string& path,
               const std::string& key) {
    if (is == "group") Children(value, path, key);
    if (is == "list")
      for (size_t i = 0; i < value.size(); ++i)
        Item(value[i], fmt::format("{}[{}]", path, i), key + "[]");
  }

  void Item(const json& item, const std::string& path, const std::string& key) {
    if (!item.is_object()) return Error(path, item, "a map");
    Children(item, path, key);
  }

  void Unknown(const std::string& path, const std::string& key) {
    std::vector<std::string_view> known;
    for (const auto& [name, row] : StockKeys().items()) known.push_back(name);
    const std::string_view near = api::NearestName(key, known);
    Warn(path, near.empty() ? "is no key of the chart, ignored"
                            : fmt::format("is no key of the chart, ignored; is {} meant?", near));
  }

  void Warn(const std::string& path, std::string text) {
    if (quiet_ == 0) findings_.warnings.push_back({path, std::move(text)});
  }

  static bool HasChildren(const std::string& key) {
    return std::ranges::any_of(StockKeys().items(),
                               [&](const auto& row) { return row.key().starts_with(key + "."); });
  }

  bool Fits(const json& row, const json& value, const std::string& path) {
    const std::string is = RowText(row, "is");
    if (is == "group" && !value.is_object()) return Error(path, value, "a map"), false;
    if (is == "switch" && !value.is_boolean()) return Error(path, value, "true or false"), false;
    if (is == "list" || is == "claims" || is == "texts")
      return FitsList(value, path, /*of_texts=*/is == "texts");
    if (is == "map") return FitsMap(value, path);
    if (is == "text" && value.is_structured()) return Error(path, value, "a text"), false;
    if (is == "word") return FitsWord(row, value, path);
    if (is == "size" && !QuantityBytes(value))
      return Error(path, value, "a size; use e.g. 1Gi"), false;
    if (is == "count" || is == "number") return FitsNumber(row, value, path, is == "count");
    return true;
  }

  bool FitsList(const json& value, const std::string& path, bool of_texts) {
    if (!value.is_array()) return Error(path, value, "a list"), false;
    for (size_t i = 0; of_texts && i < value.size(); ++i)
      if (value[i].is_structured() || value[i].is_null())
        return Error(fmt::format("{}[{}]", path, i), value[i], "a text"), false;
    return true;
  }

  bool FitsMap(const json& value, const std::string& path) {
    if (!value.is_object()) return Error(path, value, "a map"), false;
    bool fits = true;
    for (const auto& [name, entry] : value.items()) {
      if (!entry.is_structured()) continue;
      Error(fmt::format("{}[{}]", path, name), entry, "a text or a number");
      fits = false;
    }
    return fits;
  }

  bool FitsWord(const json& row, const json& value, const std::string& path) {
    const std::string text = value.is_structured() ? " " : ScalarText(value);
    if (row.contains("of")) {
      const auto words = row.at("of").get<std::vector<std::string>>();
      if (text.empty() || std::ranges::find(words, text) != words.end()) return true;
      return Error(path, value, fmt::format("supported; use {}", fmt::join(words, " or "))), false;
    }
    if (text.find_first_of(" \t\n,") == std::string::npos) return true;
    return Error(path, value, "one word"), false;
  }

  bool FitsNumber(const json& row, const json& value, const std::string& path, bool whole) {
    if (!value.is_number() || (whole && !value.is_number_integer()))
      return Error(path, value, whole ? "a whole number" : "a number"), false;
    const double number = value.get<double>();
    if (row.contains("min") && number < row.at("min").get<double>())
      return Error(path, value, fmt::format("{} or more", row.at("min").dump())), false;
    if (row.contains("max") && number > row.at("max").get<double>())
      return Error(path, value, fmt::format("{} or less", row.at("max").dump())), false;
    return true;
  }

  api::Findings findings_;
  int quiet_ = 0;
};

struct Quantity {
  double number = 0;
  std::string_view unit;
};

std::optional<Quantity> ParseQuantity(std::string_view text) {
  Quantity quantity;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, quantity.number, std::chars_format::fixed);
  if (read.ec != std::errc() || quantity.number < 0) return std::nullopt;
  quantity.unit = std::string_view(read.ptr, end - read.ptr);
  return quantity;
}

// What a unit of memory multiplies with; 0: there is no such unit.
double UnitOf(std::string_view unit) {
  constexpr std::string_view kPowers = "KMGTP";
  if (unit.empty()) return 1;
  if (unit == "k") return 1000;
  const size_t power = kPowers.find(unit.front());
  if (power == std::string_view::npos) return 0;
  if (unit.size() == 2 && unit[1] == 'i') return std::pow(1024.0, power + 1);
  return unit.size() == 1 && power > 0 ? std::pow(1000.0, power + 1) : 0;
}

}  // namespace

const json& StockKeys() {
  return Part("keys");
}

const json& StockOwnedProperties() {
  return Part("owned");
}

std::string_view WhyDropped(const json& row) {
  for (const char* const column : {"why", "convert"}) {
    const auto why = row.find(column);
    if (why != row.end()) return why->get_ref<const std::string&>();
  }
  return "";
}

api::Findings CheckStockValues(const json& values) {
  return Checker().Check(values);
}

std::string ScalarText(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? "" : value.dump();
}

std::optional<int64_t> QuantityBytes(const json& value) {
  constexpr double kMost = 0x1p60;
  if (!value.is_string() && !value.is_number()) return std::nullopt;
  const std::string text = ScalarText(value);
  const auto quantity = ParseQuantity(text);
  const double unit = quantity ? UnitOf(quantity->unit) : 0;
  if (unit == 0 || quantity->number * unit > kMost) return std::nullopt;
  return std::llround(quantity->number * unit);
}

std::optional<double> QuantityNumber(const json& value) {
  constexpr double kMilli = 1000;
  if (!value.is_string() && !value.is_number()) return std::nullopt;
  const std::string text = ScalarText(value);
  const auto quantity = ParseQuantity(text);
  if (!quantity || (!quantity->unit.empty() && quantity->unit != "m")) return std::nullopt;
  return quantity->unit.empty() ? quantity->number : quantity->number / kMilli;
}

}  // namespace headpond::operator_cli

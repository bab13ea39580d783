#include "cli/document.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace headpond::cli {
namespace {

using Json = nlohmann::ordered_json;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

Json ToJsonTree(const Document& document) {
  return std::visit(Overloaded{
                        [](std::monostate) { return Json(nullptr); },
                        [](const Document::List& list) {
                          Json json = Json::array();
                          for (const Document& item : list) json.push_back(ToJsonTree(item));
                          return json;
                        },
                        [](const Document::Map& map) {
                          Json json = Json::object();
                          for (const auto& [key, value] : map) json[key] = ToJsonTree(value);
                          return json;
                        },
                        [](const auto& scalar) { return Json(scalar); },
                    },
                    document.value());
}

// A string that YAML would read as something else (true, 12, ~, 2026-11-22, "a: b") must be quoted;
// names and paths need no quotes.
bool IsPlain(std::string_view text) {
  if (text.empty() || !(std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/'))
    return false;
  if (!std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) ||
               std::string_view("/_.-+").find(static_cast<char>(c)) != std::string_view::npos;
      }))
    return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view kReserved[] = {"true", "false", "yes", "no",  "on",
                                            "off",  "y",     "n",   "null"};
  return std::ranges::find(kReserved, lower) == std::end(kReserved);
}

void Emit(YAML::Emitter& out, const Document& document) {
  std::visit(Overloaded{
                 [&](std::monostate) { out << YAML::Null; },
                 [&](const Document::List& list) {
                   if (list.empty()) out << YAML::Flow;
                   out << YAML::BeginSeq;
                   for (const Document& item : list) Emit(out, item);
                   out << YAML::EndSeq;
                 },
                 [&](const Document::Map& map) {
                   if (map.empty()) out << YAML::Flow;
                   out << YAML::BeginMap;
                   for (const auto& [key, value] : map) {
                     out << YAML::Key << key << YAML::Value;
                     Emit(out, value);
                   }
                   out << YAML::EndMap;
                 },
                 [&](const std::string& text) {
                   if (!IsPlain(text)) out << YAML::DoubleQuoted;
                   out << text;
                 },
                 [&](const auto& scalar) { out << scalar; },
             },
             document.value());
}

std::string Indented(std::string_view text, std::string_view indent) {
  std::string indented;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    indented.append(indent).append(text.substr(begin, end - begin));
    if (end < text.size()) indented += '\n';
    begin = end + 1;
  }
  return indented;
}

}  // namespace

Document& Document::Set(std::string_view key, Document value) {
  std::get<Map>(value_).emplace_back(std::string(key), std::move(value));
  return *this;
}

Document& Document::Add(Document value) {
  std::get<List>(value_).push_back(std::move(value));
  return *this;
}

std::string Document::ToJson() const {
  // Names in the namespace are bytes; those that are not UTF-8 get U+FFFD rather than an exception.
  return ToJsonTree(*this).dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string Document::ToYaml() const {
  YAML::Emitter out;
  Emit(out, *this);
  return std::string(out.c_str(), out.size()) + "\n";
}

void PrintDocument(Sink& out, OutputFormat format, const Document& document) {
  if (format == OutputFormat::kYaml) {
    out.Write(document.ToYaml());
  } else {
    out.Write(document.ToJson() + "\n");
  }
}

void ListPrinter::Add(const Document& item) {
  if (format_ == OutputFormat::kYaml) {
    out_.Write(Document::EmptyList().Add(item).ToYaml());
  } else {
    out_.Write((empty_ ? "[\n" : ",\n") + Indented(item.ToJson(), "  "));
  }
  empty_ = false;
}

void ListPrinter::Finish() {
  if (empty_) {
    out_.Write("[]\n");
  } else if (format_ == OutputFormat::kJson) {
    out_.Write("\n]\n");
  }
}

}  // namespace headpond::cli

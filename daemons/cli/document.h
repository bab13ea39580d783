#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/sink.h"

namespace headpond::cli {

enum class OutputFormat { kText, kJson, kYaml };

// An ordered tree of values: what a listing prints with `-o json` or `-o yaml`. Key names are lower
// camel case, as in the 2.9 REST API, so that one tool reads both.
class Document {
 public:
  using List = std::vector<Document>;
  using Map = std::vector<std::pair<std::string, Document>>;  // in insertion order

  Document() = default;                                      // null
  Document(bool value) : value_(value) {}                    // NOLINT(google-explicit-constructor)
  Document(int value) : value_(int64_t{value}) {}            // NOLINT(google-explicit-constructor)
  Document(int64_t value) : value_(value) {}                 // NOLINT(google-explicit-constructor)
  Document(double value) : value_(value) {}                  // NOLINT(google-explicit-constructor)
  Document(std::string value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  // NOLINTNEXTLINE(google-explicit-constructor)
  Document(std::string_view value) : value_(std::string(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Document(const char* value) : value_(std::string(value)) {}
  static Document EmptyList() { return Document(List()); }
  static Document EmptyMap() { return Document(Map()); }

  // On a map and on a list only; return *this.
  Document& Set(std::string_view key, Document value);
  Document& Add(Document value);

  const auto& value() const { return value_; }

  std::string ToJson() const;  // indented by two blanks, no final newline
  std::string ToYaml() const;  // ends with a newline

 private:
  explicit Document(List list) : value_(std::move(list)) {}
  explicit Document(Map map) : value_(std::move(map)) {}

  std::variant<std::monostate, bool, int64_t, double, std::string, List, Map> value_;
};

// Prints one document.
void PrintDocument(Sink& out, OutputFormat format, const Document& document);

// Prints a list item by item, so that a listing of a million entries needs no memory for them.
class ListPrinter {
 public:
  ListPrinter(Sink& out, OutputFormat format) : out_(out), format_(format) {}
  void Add(const Document& item);
  void Finish();

 private:
  Sink& out_;
  const OutputFormat format_;
  bool empty_ = true;
};

}  // namespace headpond::cli

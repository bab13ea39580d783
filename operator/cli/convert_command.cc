#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "operator/api/yaml.h"
#include "operator/cli/command_line.h"
#include "operator/cli/input.h"
#include "operator/cli/main.h"
#include "operator/cli/stock_cluster.h"

namespace headpond::operator_cli {
namespace {

using nlohmann::json;

struct Text {
  std::string origin;
  std::vector<api::YamlDocument> documents;

  // No document: all keys have their defaults.
  json values() const { return documents.empty() ? json::object() : documents.front().value(); }

  std::string Say(const api::FieldIssue& issue) const {
    const int line = documents.empty() ? 1 : documents.front().LineOf(issue.path);
    return fmt::format("{}:{}: {}", origin, line, issue.ToString());
  }
};

Result<Text> Read(const std::string& file) {
  Text text{.origin = file == "-" ? "standard input" : file};
  ASSIGN_OR_RETURN(const std::string content, ReadInput(file));
  auto documents = api::ParseYaml(content);
  if (!documents.ok()) return InvalidArgument("{}: {}", text.origin, documents.status().message());
  if (documents->size() > 1)
    return InvalidArgument("{}: has {} documents; values are one", text.origin, documents->size());
  text.documents = *std::move(documents);
  return text;
}

// The exit code.
Result<int> Convert(const ConvertArguments& arguments) {
  ASSIGN_OR_RETURN(const Text text, Read(arguments.file));
  const Conversion done = ConvertStockValues(text.values(), arguments.options);
  for (const api::FieldIssue& warning : done.findings.warnings)
    fmt::print(stderr, "warning: {}\n", text.Say(warning));
  if (!done.findings.ok()) {
    std::vector<std::string> errors;
    for (const api::FieldIssue& error : done.findings.errors) errors.push_back(text.Say(error));
    return InvalidArgument("{}", fmt::join(errors, "\n"));
  }
  fmt::print("{}\n", api::ToYaml(done.cluster));
  return arguments.strict && !done.findings.warnings.empty() ? 1 : 0;
}

}  // namespace

int ConvertMain(std::span<const std::string> words) {
  const auto parsed = ParseConvert(words);
  if (!parsed.arguments) return parsed.exit_code;
  const auto done = Convert(*parsed.arguments);
  if (!done.ok()) fmt::print(stderr, "{}\n", done.status().message());
  return done.value_or(1);
}

}  // namespace headpond::operator_cli

// getConf
#include <algorithm>
#include <array>

#include "base/units.h"
#include "cli/command.h"
#include "cli/main.h"
#include "cli/session.h"

namespace headpond::cli {
namespace {

constexpr std::string_view kUsage =
    "usage: USAGE: GetConf [--unit <arg>] [--source] [--master] [key]\n"
    "\n"
    "Prints the value of a property, or all properties. A property that is valid but not set is an "
    "empty line.\n"
    "    --master       ask the master what it runs with\n"
    "    --source       print where the value comes from instead\n"
    "    --unit <arg>   print a size in B, KB, MB, GB, TB or PB, or a time in MS, S, M, H or D\n";

struct Request {
  bool master = false;
  bool source = false;
  std::string unit;
  std::string key;
};

struct Unit {
  std::string_view name;
  int64_t scale;  // bytes, milliseconds
};
constexpr std::array kSizeUnits{Unit{"B", 1},          Unit{"KB", 1LL << 10},
                                Unit{"MB", 1LL << 20}, Unit{"GB", 1LL << 30},
                                Unit{"TB", 1LL << 40}, Unit{"PB", 1LL << 50}};
constexpr std::array kTimeUnits{Unit{"MS", 1}, Unit{"S", 1000}, Unit{"M", 60'000},
                                Unit{"H", 3'600'000}, Unit{"D", 86'400'000}};

template <size_t n>
const Unit* FindUnit(const std::array<Unit, n>& units, std::string_view name) {
  const auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? nullptr : &*found;
}

Result<std::string> InUnit(const std::string& value, const std::string& unit) {
  const Status invalid = InvalidArgument("{} is not a valid unit", unit);
  if (const Unit* size = FindUnit(kSizeUnits, unit)) {
    const auto bytes = ParseSize(value);
    return bytes.ok() ? Result<std::string>(std::to_string(*bytes / size->scale)) : invalid;
  }
  if (const Unit* time = FindUnit(kTimeUnits, unit)) {
    const auto duration = ParseDuration(value);
    return duration.ok() ? Result<std::string>(std::to_string(duration->count() / time->scale))
                         : invalid;
  }
  return invalid;
}

Result<Request> Parse(std::span<const std::string> words) {
  Request request;
  std::vector<std::string> keys;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--master") {
      request.master = true;
    } else if (words[i] == "--source") {
      request.source = true;
    } else if (words[i] == "--unit" && i + 1 < words.size()) {
      request.unit = words[++i];
    } else if (words[i].starts_with("--unit=")) {
      request.unit = words[i].substr(7);
    } else {
      keys.push_back(words[i]);
    }
  }
  if (keys.size() > 1) {
    std::string all;
    for (const std::string& key : keys) all.append(all.empty() ? "" : ", ").append(key);
    return InvalidArgument("More arguments than expected. Args: [{}]", all);
  }
  if (!keys.empty()) request.key = keys.front();
  if (request.key.starts_with('-'))
    return InvalidArgument("{} is not a valid configuration key", request.key);
  if (!request.key.empty() && !FindProperty(request.key))
    return InvalidArgument("{} is not found", request.key);
  return request;
}

struct Value {
  std::string text;
  std::string source;
};

constexpr std::string_view kMasked = "******";

// What the master was asked for, by key; all keys with a value.
Result<std::map<std::string, Value>> FromMaster(Session& session) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, session.fs());
  ASSIGN_OR_RETURN(const auto properties, fs->GetClusterConfiguration());
  std::map<std::string, Value> values;
  for (const auto& property : properties) values[property.name] = {property.value, property.source};
  return values;
}

// What a client here runs with: with the cluster's defaults when a master answers at once.
std::map<std::string, Value> FromHere(Session& session) {
  if (!session.mutable_config()
           .Set("alluxio.user.rpc.retry.max.duration", "0", Source::kRuntime)
           .ok())
    return {};
  (void)session.fs().ok();
  const Config& config = session.config();
  std::map<std::string, Value> values;
  const auto add = [&](std::string_view key) {
    const auto value = config.Find(key);
    const Config::Entry* entry = config.FindEntry(key);
    const std::string source = entry ? Config::SourceText(*entry) : "DEFAULT";
    values[std::string(key)] = {value ? (IsCredential(key) ? std::string(kMasked) : *value) : "",
                                source};
  };
  for (const PropertyDef& property : PropertyTable())
    if (!property.hidden && property.name.find('{') == std::string_view::npos) add(property.name);
  for (const auto& [key, entry] : config.entries()) add(key);
  return values;
}

Status Print(Session& session, const Request& request, const std::map<std::string, Value>& values) {
  const auto print = [&](const Value& value) -> Status {
    if (request.source) {
      session.out().Line("{}", value.source);
    } else if (request.unit.empty() || value.text.empty()) {
      session.out().Line("{}", value.text);
    } else {
      ASSIGN_OR_RETURN(const std::string text, InUnit(value.text, request.unit));
      session.out().Line("{}", text);
    }
    return Status::Ok();
  };
  if (!request.key.empty()) {
    const auto found = values.find(request.key);
    return print(found == values.end() ? Value{"", "DEFAULT"} : found->second);
  }
  for (const auto& [key, value] : values)
    session.out().Line("{}={}{}", key, value.text, request.source ? " (" + value.source + ")" : "");
  return Status::Ok();
}

}  // namespace

int GetConfMain(std::span<const std::string> words, Host& host) {
  std::vector<std::string> properties, rest;
  for (const std::string& word : words)
    (word.starts_with("-D") ? properties : rest).push_back(word);
  const auto usage = [&](const Status& status) {
    host.out.Write(kUsage);
    host.err.Line("{}", status.message());
    return 1;
  };
  if (std::ranges::find(rest, "--help") != rest.end()) {
    host.out.Write(kUsage);
    return kExitOk;
  }
  const Result<Request> request = Parse(rest);
  if (!request.ok()) return usage(request.status());
  const auto session = Session::Open(host, properties);
  if (!session.ok()) return usage(session.status());
  if (!request->master) {
    const Status printed = Print(**session, *request, FromHere(**session));
    return printed.ok() ? kExitOk : usage(printed);
  }
  const auto values = FromMaster(**session);
  if (!values.ok()) {
    host.out.Line("Unable to get master-side configuration: {}", values.status().message());
    return kExitError;
  }
  const Status printed = Print(**session, *request, *values);
  return printed.ok() ? kExitOk : usage(printed);
}

}  // namespace headpond::cli

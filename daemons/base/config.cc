#include "base/config.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

#include "base/config_resolver.h"

namespace headpond {
namespace {

bool HasReference(std::string_view text) {
  return text.find("${") != text.npos;
}

// Java system properties that defaults and site files refer to.
std::optional<std::string> MachineProperty(std::string_view name, const MachineFacts& facts) {
  if (name == "user.home") return facts.user_home;
  if (name == "user.name") return facts.user_name;
  if (name == "user.dir") return facts.working_dir;
  if (name == "java.io.tmpdir") return "/tmp";
  return std::nullopt;
}

}  // namespace

Result<std::optional<std::string>> Config::Resolver::Value(std::string_view key) {
  // Real chains are 3 long. The bounds keep a hostile site file from using up stack or memory.
  constexpr size_t kMaxDepth = 32;
  const std::string name(CanonicalPropertyName(key));
  if (std::ranges::find(pending_, name) != pending_.end())
    return InvalidArgument("property {} refers to itself by way of {}", name, pending_.back());
  if (pending_.size() >= kMaxDepth)
    return InvalidArgument("property {} is reached through more than {} references", name,
                           kMaxDepth);
  const std::optional<std::string> raw = config_.FindRaw(name);
  if (!raw || !HasReference(*raw)) return raw;
  pending_.push_back(name);
  auto text = Text(*raw);
  pending_.pop_back();
  return text;
}

Result<std::optional<std::string>> Config::Resolver::Text(std::string_view text) {
  constexpr size_t kMaxBytes = 64 * 1024;
  std::string out;
  while (!text.empty()) {
    const size_t open = text.find("${");
    const size_t close = open == text.npos ? text.npos : text.find('}', open);
    if (close == text.npos) break;
    out += text.substr(0, open);
    const std::string_view name = text.substr(open + 2, close - open - 2);
    text.remove_prefix(close + 1);
    if (!config_.FindEntry(name) && !FindProperty(name)) {
      const std::optional<std::string> machine = MachineProperty(name, config_.machine_);
      if (!machine)
        return InvalidArgument("property {} refers to ${{{}}}, which is no known property",
                               pending_.back(), name);
      out += *machine;
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<std::string> value, Value(name));
    if (!value) return std::optional<std::string>();
    out += *value;
    if (out.size() > kMaxBytes)
      return InvalidArgument("property {} is longer than {} bytes with its references replaced",
                             pending_.back(), kMaxBytes);
  }
  out += text;
  return std::optional(std::move(out));
}

Config::Config(MachineFacts machine) : machine_(std::move(machine)) {}

std::optional<std::string> Config::DefaultText(std::string_view key) const {
  const PropertyDef* def = FindProperty(key);
  if (!def) return std::nullopt;
  if (def->machine_default.unit != MachineDefault::Unit::kNone)
    return std::to_string(def->machine_default.Compute(machine_));
  if (!def->default_value) return std::nullopt;
  // Our own home folder must not be taken for the reader's when the text is sent to clients.
  constexpr std::string_view kHome = "${user.home}";
  std::string text = def->default_value;
  if (const size_t at = text.find(kHome); at != text.npos)
    text.replace(at, kHome.size(), machine_.user_home);
  return text;
}

Status Config::CheckReferences() const {
  for (const auto& [name, entry] : entries_) {
    const PropertyDef* def = FindProperty(name);
    if (!def || !HasReference(entry.value)) continue;
    ASSIGN_OR_RETURN(const std::optional<std::string> value, Resolver(*this).Value(name));
    if (!value) continue;
    const Result<std::string> checked = CheckPropertyValue(*def, name, *value);
    if (!checked.ok()) return checked.status();
  }
  return Status::Ok();
}

Status Config::Set(std::string_view key, std::string_view value, Source source,
                   std::string origin) {
  const std::string name(CanonicalPropertyName(key));
  if (name.empty())
    return InvalidArgument("a property without a name can't have the value '{}'", value);
  const auto existing = entries_.find(name);
  if (existing != entries_.end() && existing->second.source > source) return Status::Ok();

  std::string text(value);
  const PropertyDef* def = FindProperty(name);
  if (def && !HasReference(value)) {
    ASSIGN_OR_RETURN(text, CheckPropertyValue(*def, name, value));
  }
  std::optional<Entry> previous;
  if (existing != entries_.end()) previous = existing->second;
  entries_[name] = Entry{std::move(text), source, std::move(origin)};
  Status status = CheckReferences();
  if (status.ok()) return status;
  if (previous) {
    entries_[name] = *std::move(previous);
  } else {
    entries_.erase(name);
  }
  return status;
}

void Config::Unset(std::string_view key) {
  const auto entry = entries_.find(CanonicalPropertyName(key));
  if (entry != entries_.end()) entries_.erase(entry);
}

std::optional<std::string> Config::Find(std::string_view key) const {
  Result<std::optional<std::string>> value = Resolver(*this).Value(key);
  return value.ok() ? *std::move(value) : std::nullopt;
}

std::optional<std::string> Config::FindRaw(std::string_view key) const {
  const Entry* entry = FindEntry(key);
  return entry ? entry->value : DefaultText(key);
}

bool Config::IsSet(std::string_view key) const {
  return FindEntry(key) != nullptr;
}

const Config::Entry* Config::FindEntry(std::string_view key) const {
  const auto entry = entries_.find(CanonicalPropertyName(key));
  return entry == entries_.end() ? nullptr : &entry->second;
}

std::string Config::GetString(std::string_view key) const {
  const std::optional<std::string> value = Find(key);
  assert(value.has_value());
  return value.value_or("");
}

bool Config::GetBool(std::string_view key) const {
  // Compared like this because keys outside the table keep their spelling.
  const std::string value = GetString(key);
  return value.size() == 4 && (value[0] | 0x20) == 't';
}

int64_t Config::GetInt(std::string_view key) const {
  const std::string value = GetString(key);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  assert(error == std::errc() && end == value.data() + value.size());
  return number;
}

double Config::GetDouble(std::string_view key) const {
  const std::string value = GetString(key);
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  assert(error == std::errc() && end == value.data() + value.size());
  return number;
}

int64_t Config::GetSize(std::string_view key) const {
  const Result<int64_t> size = ParseSize(GetString(key));
  assert(size.ok());
  return size.value_or(0);
}

std::chrono::milliseconds Config::GetDuration(std::string_view key) const {
  const Result<std::chrono::milliseconds> time = ParseDuration(GetString(key));
  assert(time.ok());
  return time.value_or(std::chrono::milliseconds(0));
}

std::vector<std::string> Config::GetList(std::string_view key) const {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::string value = GetString(key);
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find(',', begin), value.size());
    const std::string_view part = std::string_view(value).substr(begin, end - begin);
    const size_t first = part.find_first_not_of(kBlanks);
    if (first != part.npos)
      parts.emplace_back(part.substr(first, part.find_last_not_of(kBlanks) + 1 - first));
    begin = end + 1;
  }
  return parts;
}

std::string Config::SourceText(const Entry& entry) {
  switch (entry.source) {
    case Source::kDefault: return "DEFAULT";
    case Source::kClusterDefault: return "CLUSTER_DEFAULT";
    case Source::kSiteProperty: return fmt::format("SITE_PROPERTY ({})", entry.origin);
    case Source::kSystemProperty: return "SYSTEM_PROPERTY";
    case Source::kPathDefault: return "PATH_DEFAULT";
    case Source::kRuntime: return "RUNTIME";
    case Source::kMountOption: return "MOUNT_OPTION";
  }
  return "";
}

}  // namespace headpond

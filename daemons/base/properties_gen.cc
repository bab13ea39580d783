// Turns properties.tsv into C++ and into the reference page, at build time:
//
//   properties_gen table properties.tsv properties_table.cc
//   properties_gen doc properties.tsv docs/reference/properties.md
//   properties_gen check-doc properties.tsv docs/reference/properties.md
//
// Depends on nothing but the standard library, because the base library is built from its output.
// Any fault in the table ends the build with file, line and reason.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

// The columns of properties.tsv; its head explains them.
struct Row {
  std::string name, type, default_value, scope, check, flags, acted_on, aliases, allowed, meaning;
  size_t line = 0;
};

struct Named {
  std::string_view name;
  std::string_view code;
};

constexpr Named kTypes[] = {{"STRING", "kString"},     {"BOOLEAN", "kBoolean"},
                            {"INTEGER", "kInteger"},   {"LONG", "kLong"},
                            {"DOUBLE", "kDouble"},     {"ENUM", "kEnum"},
                            {"CLASS", "kClass"},       {"DATASIZE", "kDataSize"},
                            {"DURATION", "kDuration"}, {"LIST", "kList"}};
constexpr Named kScopes[] = {{"NONE", "0"},
                             {"MASTER", "kScopeMaster"},
                             {"WORKER", "kScopeWorker"},
                             {"CLIENT", "kScopeClient"},
                             {"SERVER", "kScopeMaster | kScopeWorker"},
                             {"ALL", "kScopeMaster | kScopeWorker | kScopeClient"}};
constexpr Named kChecks[] = {{"IGNORE", "kIgnore"}, {"WARN", "kWarn"}, {"ENFORCE", "kEnforce"}};
constexpr std::string_view kFlags[] = {"hidden", "credential", "not_in_site_file", "deprecated"};

[[noreturn]] void Fail(size_t line, const std::string& reason) {
  throw std::runtime_error("line " + std::to_string(line) + ": " + reason);
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

template <size_t N>
std::string_view CodeOf(const Named (&names)[N], const Row& row, const std::string& name) {
  for (const Named& named : names)
    if (named.name == name) return named.code;
  Fail(row.line, "'" + name + "' is not known here");
}

// The value of a flag: "1" for a plain one, the text after = else, "" when it isn't there.
std::string Flag(const Row& row, std::string_view name) {
  for (const std::string& flag : Split(row.flags, ',')) {
    if (flag == name) return "1";
    if (flag.starts_with(std::string(name) + "=")) return flag.substr(name.size() + 1);
  }
  return "";
}

Row ParseRow(const std::string& text, size_t line) {
  std::vector<std::string> columns = Split(text, '\t');
  if (columns.size() != 10)
    Fail(line, "10 columns expected, " + std::to_string(columns.size()) + " found");
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].empty()) Fail(line, "column " + std::to_string(i + 1) + " is empty; write -");
    if (columns[i] == "-" && i >= 5) columns[i] = "";
  }
  Row row{columns[0], columns[1], columns[2], columns[3], columns[4], columns[5],
          columns[6], columns[7], columns[8], columns[9], line};
  for (const std::string& flag : Split(row.flags, ','))
    if (std::find(std::begin(kFlags), std::end(kFlags), flag.substr(0, flag.find('='))) ==
        std::end(kFlags))
      Fail(line, "flag '" + flag + "' is not known");
  if (row.acted_on != "yes" && row.acted_on != "no") Fail(line, "acted_on must be yes or no");
  if ((row.acted_on == "yes") == row.meaning.empty())
    Fail(line, "a key that is acted on needs a meaning, any other must not have one");
  if (row.type == "ENUM" && row.allowed.empty()) Fail(line, "an ENUM needs its allowed values");
  return row;
}

std::vector<Row> ReadRows(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open it");
  std::vector<Row> rows;
  size_t line = 0;
  for (std::string text; std::getline(file, text);) {
    ++line;
    if (text.empty() || text.front() == '#') continue;
    rows.push_back(ParseRow(text, line));
    if (rows.size() > 1 && rows[rows.size() - 2].name >= rows.back().name)
      Fail(line, rows.back().name + " is not sorted, or is there twice");
  }
  return rows;
}

// Alias to row index. Aliases may not be keys themselves, nor lead to two keys.
std::map<std::string, size_t> CollectAliases(const std::vector<Row>& rows) {
  std::set<std::string> names;
  for (const Row& row : rows) names.insert(row.name);
  std::map<std::string, size_t> aliases;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string replaced_by = Flag(rows[i], "deprecated");
    if (!replaced_by.empty() && replaced_by != "1" && !names.contains(replaced_by))
      Fail(rows[i].line, replaced_by + " is not a key");
    for (const std::string& alias : Split(rows[i].aliases, ','))
      if (names.contains(alias) || !aliases.emplace(alias, i).second)
        Fail(rows[i].line, "alias " + alias + " is taken");
  }
  return aliases;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// "{cpus*2 min 8}" -> "{MachineDefault::Unit::kCpus, 2, 1, 8}"; "" when the default is plain text.
std::string MachineDefaultCode(const Row& row) {
  const std::string& text = row.default_value;
  if (!text.starts_with("{") || !text.ends_with("}")) return "";
  std::istringstream words(text.substr(1, text.size() - 2));
  std::string formula, word, least = "0", most = "std::numeric_limits<int64_t>::max()";
  words >> formula;
  while (words >> word) {
    std::string& bound = word == "min" ? least : word == "max" ? most : formula;
    if (&bound == &formula || !(words >> bound)) Fail(row.line, "bad computed default " + text);
  }
  const size_t end = formula.find_first_of("*/");
  const std::string unit = formula.substr(0, end);
  if (unit != "cpus" && unit != "memory") Fail(row.line, "bad computed default " + text);
  const size_t times = formula.find('*'), by = formula.find('/');
  const std::string multiply =
      times == std::string::npos ? "1" : formula.substr(times + 1, by - times - 1);
  const std::string divide = by == std::string::npos ? "1" : formula.substr(by + 1);
  return "{MachineDefault::Unit::" + std::string(unit == "cpus" ? "kCpus" : "kMemoryBytes") + ", " +
         multiply + ", " + divide + ", " + least + ", " + most + "}";
}

void WriteRow(std::ostream& out, const Row& row) {
  const std::string computed = MachineDefaultCode(row);
  const std::string deprecated = Flag(row, "deprecated");
  const auto flag = [&](std::string_view name) {
    return Flag(row, name).empty() ? "false" : "true";
  };
  out << "    {" << Quoted(row.name) << ", PropertyType::" << CodeOf(kTypes, row, row.type) << ", "
      << (row.default_value == "-" || !computed.empty() ? "nullptr" : Quoted(row.default_value))
      << ", " << CodeOf(kScopes, row, row.scope) << ", " << flag("hidden") << ", "
      << (row.acted_on == "yes" ? "true" : "false")
      << ",\n     ConsistencyCheck::" << CodeOf(kChecks, row, row.check) << ", "
      << flag("credential") << ", " << flag("not_in_site_file") << ", " << flag("deprecated")
      << ", " << Quoted(deprecated == "1" ? "" : deprecated) << ",\n     " << Quoted(row.aliases)
      << ", " << Quoted(row.allowed) << ", " << Quoted(row.meaning) << ", "
      << (computed.empty() ? "{}" : computed) << "},\n";
}

std::string TableSource(const std::vector<Row>& rows) {
  const std::map<std::string, size_t> aliases = CollectAliases(rows);
  std::ostringstream out;
  out << "// Generated from properties.tsv by properties_gen. Do not edit.\n\n"
         "#include \"base/properties_table.h\"\n\n#include <iterator>\n\n"
         "namespace headpond {\nnamespace {\n\nconstexpr PropertyDef kRows[] = {\n";
  for (const Row& row : rows) WriteRow(out, row);
  out << "};\n\nconstexpr PropertyAlias kAliases[] = {\n";
  for (const auto& [alias, row] : aliases) out << "    {" << Quoted(alias) << ", " << row << "},\n";
  out << "};\n\nconstexpr size_t kParameterised[] = {\n";
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i].name.find('{') != std::string::npos) out << "    " << i << ",\n";
  out << "};\n\n}  // namespace\n\n"
         "std::span<const PropertyDef> PropertyRows() { return kRows; }\n"
         "std::span<const PropertyAlias> PropertyAliases() { return kAliases; }\n"
         "std::span<const size_t> ParameterisedPropertyRows() { return kParameterised; }\n\n"
         "}  // namespace headpond\n";
  return out.str();
}

// What a reader of the page sees of `text` inside a table cell.
std::string Cell(std::string_view text) {
  std::string cell;
  for (char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string Meaning(const Row& row) {
  std::string text = Cell(row.meaning);
  if (row.allowed == "sizes") {
    text += " A list of sizes.";
  } else if (row.allowed == "octal") {
    text += " Octal.";
  } else if (row.allowed == "permissions") {
    text += " Like `rwxr-x---`.";
  } else if (const size_t dots = row.allowed.find(".."); dots != std::string::npos) {
    const std::string most = row.allowed.substr(dots + 2);
    text += " At least " + row.allowed.substr(0, dots) +
            (most.empty() ? "." : ", at most " + most + ".");
  } else if (!row.allowed.empty()) {
    text += " One of";
    for (const std::string& value : Split(row.allowed, ',')) text += " `" + value + "`";
    text += ".";
  }
  if (!row.aliases.empty()) {
    text += " Also:";
    for (const std::string& alias : Split(row.aliases, ',')) text += " `" + alias + "`";
    text += ".";
  }
  return text;
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

constexpr std::string_view kDocHead =
    R"(<!-- Generated from daemons/base/properties.tsv. Do not edit: `ninja -C build/dev properties_doc` writes it. -->
# Properties

Headpond uses the property names, defaults and value formats of the 2.9 line. This page lists the keys it acts on.
All other keys of 2.9.6 are accepted, checked against their type, and reported to clients, which may act on them.
A key that is not known at all is named in a warning at start, with the nearest known one.

Where values come from; later wins:

1. the default below
2. `alluxio-site.properties`: the first one found in `${alluxio.conf.dir}/`, `~/.alluxio/` and `/etc/alluxio/`
3. `ALLUXIO_HOME`, `ALLUXIO_CONF_DIR`, `ALLUXIO_LOGS_DIR`, `ALLUXIO_USER_LOGS_DIR`, `ALLUXIO_MASTER_HOSTNAME`,
   `ALLUXIO_MASTER_MOUNT_TABLE_ROOT_UFS`, `ALLUXIO_RAM_FOLDER`, `ALLUXIO_WORKER_RAMDISK_SIZE` in the environment
4. `-Dkey=value` in `ALLUXIO_JAVA_OPTS`, then in the role's variable, such as `ALLUXIO_WORKER_JAVA_OPTS`; JVM flags there
   have no effect
5. `-Dkey=value` on the command line

A process reads its properties once, when it starts; a wrong value stops it with the key, the value and what is allowed.

| type | values |
|---|---|
| boolean | `true` or `false`, in any case |
| datasize | bytes, or a number with `KB` `MB` `GB` `TB` `PB` (also `K`, `Ki`, `KiB`, any case), each a power of 1024: `64MB`, `1.5g`, `1Gi` |
| duration | milliseconds, or a number with `ms` `s` `sec` `m` `min` `h` `hour` `d` `day`: `30sec`, `5min`, `1day` |
| list | values separated by commas |
| enum | one of the values named, in any case |

In keys, `{}` stands for a word, `{n}` for a number and `{*}` for anything. In values, `${key}` is replaced by that key's
value. Defaults in braces are computed from the machine: `cpus`, and `memory` in bytes (of the container, when it is limited).
)";

constexpr Named kSections[] = {{"alluxio.master.", "Master"},
                               {"alluxio.worker.", "Worker"},
                               {"alluxio.security.", "Security"},
                               {"alluxio.user.", "Clients"},
                               {"", "Everything else"}};

std::string_view SectionOf(const Row& row) {
  for (const Named& section : kSections)
    if (row.name.starts_with(section.name)) return section.code;
  return "";
}

std::string DocSource(const std::vector<Row>& rows) {
  std::ostringstream out;
  out << kDocHead;
  for (const Named& section : kSections) {
    out << "\n## " << section.code
        << "\n\n| key | type | default | read by | meaning |\n|---|---|---|---|---|\n";
    for (const Row& row : rows) {
      if (row.acted_on != "yes" || SectionOf(row) != section.code) continue;
      const std::string value = row.default_value == "-" ? "" : "`" + Cell(row.default_value) + "`";
      out << "| `" << row.name << "` | " << Lower(row.type) << " | " << value << " | "
          << Lower(row.scope) << " | " << Meaning(row) << " |\n";
    }
  }
  return out.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

void CheckDoc(const std::string& path, const std::string& text) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream committed;
  committed << file.rdbuf();
  if (!file || committed.str() != text)
    throw std::runtime_error(
        path + " does not match it; build the target properties_doc and commit the page");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  if (arguments.size() != 4) {
    std::cerr << "usage: properties_gen table|doc|check-doc properties.tsv FILE\n";
    return 2;
  }
  try {
    const std::vector<Row> rows = ReadRows(arguments[2]);
    const std::string table = TableSource(rows);  // in every mode, for its checks
    if (arguments[1] == "table") WriteFile(arguments[3], table);
    if (arguments[1] == "doc") WriteFile(arguments[3], DocSource(rows));
    if (arguments[1] == "check-doc") CheckDoc(arguments[3], DocSource(rows));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << arguments[2] << ": " << error.what() << "\n";
    return 1;
  }
}

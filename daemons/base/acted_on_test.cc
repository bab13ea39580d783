// The column acted_on of properties.tsv tells an operator which keys have an effect. It is right
// when it says "yes" exactly of the keys that the sources read, so this looks for their names
// there: as a whole string literal ("alluxio.master.rpc.port"), as one with holes for words
// ("alluxio.worker.tieredstore.level{}.alias"), or as a prefix of parameterised keys
// ("alluxio.master.mount.table.root.option.").

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/config.h"

namespace headpond {
namespace {

bool IsProduct(const std::filesystem::path& file) {
  const std::string name = file.filename();
  const bool source = name.ends_with(".cc") || name.ends_with(".h");
  for (const char* end : {"_test.cc", "_fuzz.cc", "_conformance.h", "_testing.h"})
    if (name.ends_with(end)) return false;
  return source && !name.starts_with("test_") && name != "properties_gen.cc" &&
         file.string().find("/testing/") == std::string::npos;
}

// The string literals of a source that look like a key, without comments.
void CollectLiterals(const std::string& source, std::set<std::string>& keys) {
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    const size_t text = line.find_first_not_of(' ');
    if (text == std::string::npos || line.compare(text, 2, "//") == 0) continue;
    for (size_t begin = line.find('"'); begin != std::string::npos;) {
      size_t end = begin + 1;
      while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
      if (end >= line.size()) break;
      const std::string literal = line.substr(begin + 1, end - begin - 1);
      const bool key = literal.starts_with("alluxio.") || literal.starts_with("headpond.");
      if (key && literal.find_first_of(" =:/,") == std::string::npos) keys.insert(literal);
      begin = line.find('"', end + 1);
    }
  }
}

std::set<std::string> KeysInSources() {
  std::set<std::string> keys;
  const std::filesystem::path root = HEADPOND_SOURCE_DIR;
  for (const char* folder : {"daemons", "operator"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file() || !IsProduct(entry.path())) continue;
      std::ifstream file(entry.path());
      CollectLiterals(std::string(std::istreambuf_iterator<char>(file), {}), keys);
    }
  }
  return keys;
}

// Whether `name` is `literal` with each {} of it standing for a word, or a hole of `name`.
bool Matches(std::string_view literal, std::string_view name) {
  const size_t hole = literal.find("{}");
  if (hole == literal.npos) return literal == name;
  if (name.substr(0, hole) != literal.substr(0, hole)) return false;
  name.remove_prefix(hole);
  const std::string_view rest = literal.substr(hole + 2);
  for (size_t length = 1; length <= name.size() && name[length - 1] != '.'; ++length)
    if (Matches(rest, name.substr(length))) return true;
  return false;
}

bool IsRead(const PropertyDef& def, const std::set<std::string>& literals) {
  return std::ranges::any_of(literals, [&](const std::string& literal) {
    const bool prefix = literal.ends_with('.');
    // A concrete key is read for its parameterised row; a prefix, for the row of what begins so.
    return Matches(literal, def.name) || FindProperty(prefix ? literal + "x" : literal) == &def;
  });
}

TEST(ActedOnTest, ExactlyTheKeysThatTheSourcesReadAreMarkedSo) {
  const std::set<std::string> literals = KeysInSources();
  ASSERT_GT(literals.size(), 50u) << "no sources under " << HEADPOND_SOURCE_DIR;
  for (const PropertyDef& def : PropertyTable()) {
    EXPECT_EQ(def.acted_on, IsRead(def, literals))
        << def.name << ": properties.tsv says " << (def.acted_on ? "yes" : "no");
  }
}

}  // namespace
}  // namespace headpond

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headpond::io {

// Files of one folder that are named by a number, `<20 digits><suffix>`, so that names sort as the
// numbers do.
std::string NumberedPath(const std::string& folder, uint64_t number, std::string_view suffix);

// The number in a file's name; nothing if it is no such name.
std::optional<uint64_t> NumberOf(std::string_view name, std::string_view suffix);

}  // namespace headpond::io

#pragma once

#include <string_view>

namespace headpond {

// Whether both are the same, in a time that does not tell how much of one is right.
bool SecretsEqual(std::string_view a, std::string_view b);

}  // namespace headpond

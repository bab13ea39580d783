#pragma once

#include <cstdint>
#include <string>

namespace headpond::apiserver {

// A time span as kubectl prints ages: "0s", "119s", "7m55s", "3h", "47h", "5d12h", "325d", "2y3d".
std::string HumanDuration(int64_t ms);

}  // namespace headpond::apiserver

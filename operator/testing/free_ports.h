#pragma once

#include <cstddef>
#include <vector>

namespace headpond::testing_operator {

// Ports of 127.0.0.1 that nobody listened on a moment ago, from outside the range that the kernel
// hands out by itself, so that only another test could take one. Each process starts at a place of
// its own.
std::vector<int> FreePorts(size_t count);

// The first of `count` such ports in a row.
int FreePortBase(int count);

}  // namespace headpond::testing_operator

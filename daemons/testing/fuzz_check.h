#pragma once

#include <cstdio>
#include <cstdlib>

// Ends the process when what a fuzz target claims does not hold; works in builds without assert.
#define FUZZ_CHECK(condition)                                                      \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

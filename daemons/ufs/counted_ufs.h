#pragma once

#include <memory>

#include "base/metrics.h"
#include "ufs/ufs.h"

namespace headpond::ufs {

// A Ufs that does what `base` does and counts the bytes that its readers read and its writers
// append. The counters outlive it, its readers and its writers.
std::unique_ptr<Ufs> MakeCountedUfs(std::unique_ptr<Ufs> base, Counter& bytes_read,
                                    Counter& bytes_written);

}  // namespace headpond::ufs

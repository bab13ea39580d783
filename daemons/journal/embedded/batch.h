#pragma once

#include "base/result.h"
#include "consensus/types.h"
#include "io/frame_format.h"

namespace headpond::journal {

// An entry of a quorum's log that holds journal entries is a frame of them, sealed with its term as
// the salt: what was made for one term can't pass for an entry of another.

// Whether it does: others change members, or are what a leader begins with.
bool IsBatch(const consensus::Entry& entry);
// Valid as long as `entry`. Errors: DataLoss.
Result<io::Frame> ParseBatch(const consensus::Entry& entry);

}  // namespace headpond::journal

#pragma once

#include "consensus/sim_disk.h"

namespace headpond::consensus {

// The log that nodes really use (raft_log.h), on files in memory that lose what a disk may lose.
std::unique_ptr<SimDisk> MakeRaftLogDisk(uint64_t node, const SimSnapshot& first, uint64_t seed);

}  // namespace headpond::consensus

#pragma once

#include <vector>

#include "cli/command.h"

namespace headpond::cli {

// The commands of `headpond fs`, one function per file.
std::vector<Command> LsCommands();    // ls
std::vector<Command> StatCommands();  // stat, count, du, test, location
std::vector<Command> PathCommands();  // mkdir, touch, mv, rm
std::vector<Command> ReadCommands();  // cat, head, tail, checksum
std::vector<Command> CopyCommands();  // cp, copyFromLocal, copyToLocal
std::vector<Command>
AttributeCommands();  // chmod, chown, chgrp, pin, unpin, setTtl, unsetTtl, setReplication
std::vector<Command> AclCommands();    // getfacl, setfacl
std::vector<Command> MountCommands();  // mount, unmount, updateMount
std::vector<Command>
CacheCommands();  // load, free, persist, loadMetadata, needsSync, checkConsistency
std::vector<Command> ClusterCommands();  // leader, masterInfo, getCapacityBytes, getUsedBytes

}  // namespace headpond::cli

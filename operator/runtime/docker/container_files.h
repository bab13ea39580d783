#pragma once

#include <string>
#include <vector>

#include "operator/plan/workload.h"
#include "operator/runtime/docker/engine.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// An archive to unpack at a mount of a container before it starts.
struct Upload {
  std::string path;
  std::string tar;
};

// What a container needs on its volumes: the folders it writes to, owned by its user; its
// configuration files, readable by that user alone; and the stamps that say which cluster the
// volumes belong to (see Volumes of the process runtime, whose form they have). Pure.
Result<std::vector<Upload>> UploadsFor(const ClusterRef& cluster, const plan::Workload& workload);

// OK when the volumes of a created container carry this cluster's stamp, or are new.
// FailedPrecondition when one holds anything else: it would be mistaken for ours.
Status CheckStamps(Engine& engine, const std::string& container_id, const ClusterRef& cluster,
                   const plan::Workload& workload);

// The same of a folder of this machine, as far as its stamp can be read.
Status CheckStampOnHost(const std::string& folder, const ClusterRef& cluster);

}  // namespace headpond::runtime

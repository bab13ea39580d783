#include "operator/runtime/runtime.h"

#include <algorithm>

namespace headpond::runtime {

Status Execute(Runtime& runtime, const ClusterRef& of, const std::vector<plan::Workload>& workloads,
               const plan::Action& action) {
  ClusterRef cluster = of;
  cluster.node = action.node;
  switch (action.kind) {
    case plan::ActionKind::kAdjust:
    case plan::ActionKind::kFetch:
    case plan::ActionKind::kMend:
    case plan::ActionKind::kPutBack:
    case plan::ActionKind::kSetAside:
    case plan::ActionKind::kStart: {
      const auto workload = std::ranges::find(workloads, action.workload, &plan::Workload::name);
      if (workload == workloads.end()) return NotFound("{} is not wanted", action.workload);
      if (action.kind == plan::ActionKind::kAdjust) return runtime.Adjust(cluster, *workload);
      if (action.kind == plan::ActionKind::kMend) return runtime.Mend(cluster, *workload);
      if (action.kind == plan::ActionKind::kSetAside)
        return runtime.SetAside(cluster, *workload, action.to);
      if (action.kind == plan::ActionKind::kPutBack)
        return runtime.PutBack(cluster, *workload, action.to);
      return action.kind == plan::ActionKind::kFetch ? runtime.Fetch(cluster, *workload)
                                                     : runtime.Start(cluster, *workload);
    }
    case plan::ActionKind::kStop: return runtime.Stop(cluster, action.workload);
    case plan::ActionKind::kRemove: return runtime.Remove(cluster, action.workload);
    case plan::ActionKind::kDeleteData: return runtime.DeleteData(cluster);
    case plan::ActionKind::kCleanUp: return runtime.CleanUp(cluster);
    case plan::ActionKind::kRestore:
      return runtime.Restore(cluster, action.workload, action.refusal);
    case plan::ActionKind::kTransfer:
    case plan::ActionKind::kDismiss:
      return Internal("{}: only masters can do this", plan::Describe(action));
  }
  return Internal("unknown action");
}

}  // namespace headpond::runtime

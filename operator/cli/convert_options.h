#pragma once

#include <string>

namespace headpond::operator_cli {

// What values of the stock chart don't say, or say otherwise. "": nothing.
struct ConvertOptions {
  std::string name;               // of the cluster; before fullnameOverride
  std::string name_space;         // of the cluster
  int workers = 0;                // 0: worker.replicas, or one
  std::string under_store;        // a URI, before all that the values say
  std::string under_store_claim;  // a PersistentVolumeClaim, likewise
};

}  // namespace headpond::operator_cli

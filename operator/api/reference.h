#pragma once

#include <string>

namespace headpond::api {

// docs/reference/crds.md, made from the field table. `headpond-operator reference` prints it; a
// test compares the committed page.
std::string CrdReferencePage();

}  // namespace headpond::api

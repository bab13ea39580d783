#pragma once

#include "operator/api/kind.h"

namespace headpond::api {

Kind ContainerDefinitionKind();
Kind ContainerTaskKind();

}  // namespace headpond::api

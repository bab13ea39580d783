#pragma once

#include "operator/apiserver/resources.h"

namespace headpond::apiserver {

// What the registry is made of; each entry says what is particular to its kind.
// `kind` must outlive the type.
ResourceType CustomType(const api::Kind& kind);
ResourceType NamespaceType();
ResourceType ConfigMapType();
ResourceType SecretType();
// Events are one kind in two groups; core's form is the one stored.
ResourceType CoreEventType();
ResourceType EventType();
ResourceType LeaseType();

}  // namespace headpond::apiserver

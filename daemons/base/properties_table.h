#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/config.h"

namespace headpond {

// What properties_gen makes of properties.tsv; only for properties.cc.

struct PropertyAlias {
  std::string_view alias;
  size_t row;  // index into PropertyRows()
};

std::span<const PropertyDef> PropertyRows();          // sorted by name
std::span<const PropertyAlias> PropertyAliases();     // sorted by alias
std::span<const size_t> ParameterisedPropertyRows();  // indices of the rows with holes

}  // namespace headpond

#pragma once

#include <string>

namespace headpond::operator_cli {

// charts/headpond/values.schema.json, made of StockKeys(): what values can't be is refused by Helm.
// Keys that it doesn't know are let pass, for the chart's notes to report.
std::string StockValuesSchema();

}  // namespace headpond::operator_cli

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "operator/api/schema.h"

// The values.yaml of the stock 2.9 chart: which keys there are, what they hold, and which of them a
// CacheCluster has no place for. All paths are those that people write: master.ports.rpc,
// tieredstore.levels[0].quota, properties[alluxio.x].
namespace headpond::operator_cli {

// charts/headpond/files/keys.yaml, which says what its rows mean.
std::string_view StockKeysText();

// Its rows by key: {"master.count": {"is": "count", "min": 1, ...}, ...}. Items of lists are
// "<key>[]". Immutable; read on the first call.
const nlohmann::json& StockKeys();
// Properties that follow from other keys, and from which: {"alluxio.master.rpc.port":
// "master.ports.rpc"}. A trailing '*' matches any rest.
const nlohmann::json& StockOwnedProperties();

// Why a CacheCluster has no place for a key; "": it has one. `row` is one of StockKeys().
std::string_view WhyDropped(const nlohmann::json& row);

// Errors: what a value can't be, with the remedy. Warnings: keys that ask for something that a
// CacheCluster has no place for, with the reason, and keys that the stock chart hasn't.
api::Findings CheckStockValues(const nlohmann::json& values);

// Bytes of a quantity of Kubernetes, whose K, M, G and T are powers of 1000 and Ki, Mi, Gi and Ti
// of 1024; nullopt when it is none, or too large.
std::optional<int64_t> QuantityBytes(const nlohmann::json& value);
// Processors of one: 2, "0.5", "500m".
std::optional<double> QuantityNumber(const nlohmann::json& value);

// A scalar as the chart's templates would print it.
std::string ScalarText(const nlohmann::json& value);

}  // namespace headpond::operator_cli

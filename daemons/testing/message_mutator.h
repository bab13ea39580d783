#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"

namespace headpond::testing {

// Absurd requests, made from descriptors, so that a field added to a message is covered by itself.

// One way to spoil a message: `what` names the field and the value.
struct Mutation {
  std::string what;
  std::function<void(google::protobuf::Message&)> apply;
};

// Every field of `type`, nested ones included: missing, the ends of its type, negative, empty, a
// megabyte, "..", NUL bytes, 30,000 levels, text that is no UTF-8, values outside the enum, NaN,
// many entries.
std::vector<Mutation> MutationsOf(const google::protobuf::Descriptor& type);

// Sets about a third of all fields to values that MutationsOf might use.
void Scramble(google::protobuf::Message& message, Random& random);

// Messages on the wire that are wrong as such, made from the bytes of a good one: cut, with flipped
// bits, random, groups nested 100,000 deep, lengths past the end.
std::vector<std::string> SpoiledBytes(const std::string& good, Random& random);

// A message of `type` with nothing set but what it must have to be one.
std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor& type);

}  // namespace headpond::testing

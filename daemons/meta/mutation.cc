#include "meta/mutation.h"

namespace headpond::meta {

bool Mutation::empty() const {
  Mutation nothing;
  nothing.op_time_ms = op_time_ms;
  return *this == nothing;
}

}  // namespace headpond::meta

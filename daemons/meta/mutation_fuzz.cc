// Any bytes as a journal entry: what decodes must survive encoding again, be showable, and be
// replayed without harm, whatever tree it describes.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "meta/mutation.h"
#include "meta/namespace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using headpond::meta::DecodeMutation;
  using headpond::meta::DescribeMutation;
  using headpond::meta::EncodeMutation;
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const auto mutation = DecodeMutation(payload);
  if (!mutation.ok()) return 0;
  const auto again = DecodeMutation(EncodeMutation(*mutation));
  if (!again.ok() || !(*again == *mutation)) std::abort();
  if (!DescribeMutation(EncodeMutation(*mutation)).ok()) std::abort();

  headpond::meta::Namespace ns;
  ns.BeginRecovery();
  ns.ApplyDuringRecovery(*mutation);
  ns.ApplyDuringRecovery(*mutation);
  if (!ns.FinishRecovery().ok() || !ns.initialized()) return 0;
  const auto record = ns.inodes().root().ToRecord();
  headpond::meta::Mutation put;
  put.puts.push_back(record);
  ns.Apply(put);
  return 0;
}

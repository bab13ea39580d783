#include "meta/text_arena.h"

#include <cassert>
#include <cstring>

namespace headpond::meta {

void TextArena::Push(Ref ref, size_t units) {
  std::memcpy(At(ref), &free_[units], sizeof(Ref));
  free_[units] = ref;
}

TextArena::Ref TextArena::Allocate(size_t size) {
  assert(size <= kMaxBytes);
  const size_t units = Units(size);
  if (const Ref head = free_[units]; head != kNone) {
    std::memcpy(&free_[units], At(head), sizeof(Ref));
    return head;
  }
  if (used_units_ + units > kUnitsPerChunk) {
    const size_t left = kUnitsPerChunk - used_units_;
    if (left > 0) {
      Push(static_cast<Ref>((chunks_.size() - 1) * kUnitsPerChunk + used_units_), left);
    }
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
    used_units_ = 0;
  }
  const Ref ref = static_cast<Ref>((chunks_.size() - 1) * kUnitsPerChunk + used_units_);
  used_units_ += units;
  return ref;
}

void TextArena::Free(Ref ref, size_t size) {
  Push(ref, Units(size));
}

}  // namespace headpond::meta

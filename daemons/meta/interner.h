#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace headpond::meta {

// Small numbers for values that repeat in millions of inodes, counted so that a value nobody uses
// is forgotten. Numbers are reused. Not synchronised.
template <typename T>
class Interner {
 public:
  // The number of `value`, held once more by the caller until Release.
  uint32_t Acquire(const T& value) {
    const auto [it, inserted] = numbers_.try_emplace(value, 0);
    if (inserted) {
      if (free_.empty()) {
        it->second = static_cast<uint32_t>(entries_.size());
        entries_.push_back({});
      } else {
        it->second = free_.back();
        free_.pop_back();
      }
      entries_[it->second].value = &it->first;
    }
    ++entries_[it->second].users;
    return it->second;
  }

  void Release(uint32_t number) {
    Entry& entry = entries_[number];
    assert(entry.users > 0);
    if (--entry.users > 0) return;
    numbers_.erase(numbers_.find(*entry.value));
    entry.value = nullptr;
    free_.push_back(number);
  }

  const T& operator[](uint32_t number) const { return *entries_[number].value; }

  // Nodes of the map are estimated; there are few.
  size_t MemoryBytes() const {
    return entries_.capacity() * sizeof(Entry) + numbers_.size() * (sizeof(T) + 64);
  }

 private:
  struct Entry {
    const T* value = nullptr;  // the key in numbers_
    uint64_t users = 0;
  };
  std::map<T, uint32_t> numbers_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
};

}  // namespace headpond::meta

#include "consensus/apply_queue.h"

#include <algorithm>
#include <utility>

namespace headpond::consensus {

bool ApplyQueue::HasRoom() const {
  MutexLock lock(mutex_);
  return bytes_ < limit_bytes_;
}

void ApplyQueue::AddEntries(std::vector<Entry> entries) {
  if (entries.empty()) return;
  size_t bytes = 0;
  for (const Entry& entry : entries)
    bytes += sizeof(Entry) + entry.data.size() + entry.context.size();
  Add({.entries = std::move(entries), .bytes = bytes});
}

void ApplyQueue::AddCall(Call call) {
  Add({.call = std::move(call)});
}

void ApplyQueue::Add(Item item) {
  MutexLock lock(mutex_);
  if (ended_) return;
  bytes_ += item.bytes;
  items_.push_back(std::move(item));
  added_.NotifyOne();
}

void ApplyQueue::DropEntries() {
  MutexLock lock(mutex_);
  if (ended_) return;
  std::erase_if(items_, [](const Item& item) { return item.call == nullptr; });
  bytes_ = 0;
}

void ApplyQueue::End(Call last) {
  MutexLock lock(mutex_);
  if (ended_) return;
  std::erase_if(items_, [](const Item& item) { return item.call == nullptr; });
  items_.push_back({.call = std::move(last)});
  ended_ = true;
  added_.NotifyOne();
}

void ApplyQueue::Run(StateMachine& state_machine, const std::function<void()>& on_room) {
  for (;;) {
    Item item;
    bool room = false;
    {
      MutexLock lock(mutex_);
      while (items_.empty() && !ended_) added_.Wait(mutex_);
      if (items_.empty()) return;
      item = std::move(items_.front());
      items_.pop_front();
      const bool full = bytes_ >= limit_bytes_;
      bytes_ -= std::min(bytes_, item.bytes);
      room = full && bytes_ < limit_bytes_;
    }
    if (room) on_room();
    if (item.call)
      item.call(state_machine);
    else
      state_machine.OnCommitted(std::move(item.entries));
  }
}

}  // namespace headpond::consensus

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "consensus/transport.h"

namespace headpond::consensus {

// A network in memory, for tests: nodes of one process, links that can be cut. Messages are handed
// over on a thread of the network. Outlives its transports.
class MemoryNetwork {
 public:
  MemoryNetwork() : thread_([this] { Run(); }) {}
  ~MemoryNetwork() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  // The transport of node `id`; one at a time.
  std::unique_ptr<Transport> Join(uint64_t id) { return std::make_unique<Member>(*this, id); }

  // Nothing passes between `id` and the others, in either direction, until Heal.
  void Isolate(uint64_t id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    isolated_.insert(id);
  }
  void Heal() {
    const std::lock_guard<std::mutex> lock(mutex_);
    isolated_.clear();
  }
  uint64_t snapshots_fetched() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return snapshots_fetched_;
  }

 private:
  static constexpr size_t kQueueLimit = 10'000;
  static constexpr size_t kChunkBytes = 1000;

  class Member final : public Transport {
   public:
    Member(MemoryNetwork& network, uint64_t id) : network_(network), id_(id) {}
    ~Member() override { Member::Stop(); }
    Status Start(Receiver& receiver) override {
      const std::lock_guard<std::mutex> lock(network_.mutex_);
      network_.members_[id_] = &receiver;
      return Status::Ok();
    }
    void Stop() override {
      std::unique_lock<std::mutex> lock(network_.mutex_);
      network_.members_.erase(id_);
      network_.idle_.wait(lock, [this] { return !network_.busy_.contains(id_); });
    }
    void SetPeer(uint64_t, const std::string&) override {}
    void Send(Message message) override { network_.Send(id_, std::move(message)); }
    Status FetchSnapshot(uint64_t from, uint64_t index,
                         const std::function<Status(std::string_view)>& take) override {
      return network_.Fetch(id_, from, index, take);
    }

   private:
    MemoryNetwork& network_;
    const uint64_t id_;
  };

  bool Connected(uint64_t from, uint64_t to) const {
    return !isolated_.contains(from) && !isolated_.contains(to) && members_.contains(to);
  }

  void Send(uint64_t from, Message message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.size() >= kQueueLimit) return;
    queue_.emplace_back(from, std::move(message));
    wake_.notify_all();
  }

  Status Fetch(uint64_t to, uint64_t from, uint64_t index,
               const std::function<Status(std::string_view)>& take) {
    Receiver* source = nullptr;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!Connected(to, from)) return Unavailable("node {} can't be reached", from);
      source = members_[from];
      busy_.insert(from);
    }
    const Status status = Copy(*source, index, take);
    const std::lock_guard<std::mutex> lock(mutex_);
    busy_.erase(busy_.find(from));
    snapshots_fetched_ += status.ok() ? 1 : 0;
    idle_.notify_all();
    return status;
  }
  static Status Copy(Receiver& source, uint64_t index,
                     const std::function<Status(std::string_view)>& take) {
    ASSIGN_OR_RETURN(const auto file, source.OpenSnapshot(index));
    std::string chunk(kChunkBytes, '\0');
    for (int64_t at = 0;;) {
      ASSIGN_OR_RETURN(const size_t read, file->ReadAt(at, chunk.size(), chunk.data()));
      if (read == 0) return Status::Ok();
      RETURN_IF_ERROR(take(std::string_view(chunk).substr(0, read)));
      at += static_cast<int64_t>(read);
    }
  }

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      const auto [from, message] = std::move(queue_.front());
      queue_.pop_front();
      const bool connected = Connected(from, message.to);
      const uint64_t receiver = connected ? message.to : from;
      const auto member = members_.find(receiver);
      if (member == members_.end()) continue;
      Receiver& called = *member->second;
      busy_.insert(receiver);
      lock.unlock();
      if (connected)
        called.OnMessage(message.bytes);
      else
        called.OnUnreachable(message.to);
      lock.lock();
      busy_.erase(busy_.find(receiver));
      idle_.notify_all();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::map<uint64_t, Receiver*> members_;
  std::multiset<uint64_t> busy_;  // whose receiver is being called
  std::set<uint64_t> isolated_;
  std::deque<std::pair<uint64_t, Message>> queue_;
  uint64_t snapshots_fetched_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace headpond::consensus

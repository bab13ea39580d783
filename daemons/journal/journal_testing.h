#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "journal/journal.h"

namespace headpond::journal {

// Helpers for tests of journals.

inline constexpr std::chrono::seconds kTestDeadline{60};

// Keeps what it is given.
class RecordingReplayer final : public Replayer {
 public:
  Status OnSnapshotRecord(std::string_view record) override {
    EXPECT_TRUE(entries.empty()) << "a snapshot record after an entry";
    records.emplace_back(record);
    return Status::Ok();
  }
  Status OnEntry(uint64_t sequence, std::string_view entry) override {
    if (!entries.empty()) {
      EXPECT_EQ(sequence, first_sequence + entries.size());
    } else {
      first_sequence = sequence;
    }
    entries.emplace_back(entry);
    return Status::Ok();
  }
  Status OnSettled() override {
    EXPECT_FALSE(settled) << "settled twice";
    settled = true;
    return Status::Ok();
  }

  bool settled = false;
  std::vector<std::string> records;
  uint64_t first_sequence = 0;
  std::vector<std::string> entries;
};

// Produces given batches.
class ListSource final : public SnapshotSource {
 public:
  explicit ListSource(std::vector<std::vector<std::string>> batches)
      : batches_(std::move(batches)) {}
  Result<std::vector<std::string>> NextBatch() override {
    if (next_ == batches_.size()) return std::vector<std::string>();
    return batches_[next_++];
  }

 private:
  const std::vector<std::vector<std::string>> batches_;
  size_t next_ = 0;
};

// Produces what a function returns.
class FunctionSource final : public SnapshotSource {
 public:
  explicit FunctionSource(std::function<Result<std::vector<std::string>>()> next)
      : next_(std::move(next)) {}
  Result<std::vector<std::string>> NextBatch() override { return next_(); }

 private:
  const std::function<Result<std::vector<std::string>>()> next_;
};

// The outcome of one WhenDurable, which may come from another thread and must come once.
class Outcome {
 public:
  std::function<void(Status)> Callback() {
    return [this](Status status) {
      const std::lock_guard<std::mutex> lock(mutex_);
      EXPECT_FALSE(status_.has_value()) << "called twice";
      status_ = std::move(status);
      arrived_.notify_all();
    };
  }
  bool arrived() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return status_.has_value();
  }
  Status Await() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!arrived_.wait_for(lock, kTestDeadline, [this] { return status_.has_value(); }))
      return DeadlineExceeded("the journal never called back");
    return *status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::optional<Status> status_;
};

inline Status AwaitDurable(Journal& journal, uint64_t sequence) {
  Outcome outcome;
  journal.WhenDurable(sequence, outcome.Callback());
  return outcome.Await();
}

inline Status AppendDurably(Journal& journal, std::string entry) {
  return AwaitDurable(journal, journal.Append(std::move(entry)));
}

}  // namespace headpond::journal

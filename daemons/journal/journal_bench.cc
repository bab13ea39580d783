// How many entries a local journal takes, and what each costs.
//
//   journal_bench FOLDER [SECONDS]
//
// Uses FOLDER (which must be empty or absent; put it on the disk to be measured) and removes it at
// the end.

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "journal/local_journal.h"

namespace headpond::journal {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr size_t kEntryBytes = 200;  // about what the creation of a file takes

void CheckOk(const Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "{}\n", status.ToString());
  std::exit(1);
}

class CountingReplayer final : public Replayer {
 public:
  Status OnSnapshotRecord(std::string_view) override {
    ++records;
    return Status::Ok();
  }
  Status OnEntry(uint64_t, std::string_view) override {
    ++entries;
    return Status::Ok();
  }
  uint64_t records = 0, entries = 0;
};

// Makes `left` records of the size of an inode.
class SyntheticSource final : public SnapshotSource {
 public:
  explicit SyntheticSource(uint64_t left) : left_(left) {}
  Result<std::vector<std::string>> NextBatch() override {
    const uint64_t count = std::min<uint64_t>(left_, 1000);
    left_ -= count;
    return std::vector<std::string>(count, std::string(150, 'i'));
  }

 private:
  uint64_t left_;
};

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::unique_ptr<Journal> Open(const std::string& folder, MetricsRegistry& metrics,
                              CountingReplayer& replayer) {
  auto journal = OpenLocalJournal(io::Env::Posix(), {.folder = folder, .metrics = &metrics});
  CheckOk(journal.status());
  CheckOk((*journal)->Recover(replayer));
  return *std::move(journal);
}

// One file, one write and one fdatasync at a time: what the disk can do.
void MeasureDisk(const std::string& folder, Seconds duration) {
  auto file = io::Env::Posix().OpenForWrite(folder + "/probe", io::OpenMode::kTruncate);
  CheckOk(file.status());
  const std::string data(kEntryBytes, 'x');
  std::vector<double> micros;
  for (const auto end = Clock::now() + duration; Clock::now() < end;) {
    const auto start = Clock::now();
    CheckOk((*file)->Append(data));
    CheckOk((*file)->Sync());
    micros.push_back(Seconds(Clock::now() - start).count() * 1e6);
  }
  std::sort(micros.begin(), micros.end());
  fmt::print("disk: {:.0f} write+fdatasync/s, p50 {:.0f} us, p99 {:.0f} us\n",
             static_cast<double>(micros.size()) / duration.count(), micros[micros.size() / 2],
             micros[micros.size() * 99 / 100]);
  CheckOk(io::Env::Posix().Remove(folder + "/probe"));
}

// `writers` threads, each of which appends and waits until that is durable.
void MeasureAppends(const std::string& folder, int writers, Seconds duration) {
  MetricsRegistry metrics;
  CountingReplayer ignored;
  auto journal = Open(folder, metrics, ignored);
  std::mutex order;
  std::vector<std::vector<double>> micros(static_cast<size_t>(writers));
  std::vector<std::thread> threads;
  const double cpu = CpuSeconds();
  const auto begin = Clock::now();
  for (auto& latencies : micros) {
    threads.emplace_back([&] {
      while (Clock::now() < begin + duration) {
        const auto start = Clock::now();
        uint64_t sequence = 0;
        {
          const std::lock_guard<std::mutex> lock(order);
          sequence = journal->Append(std::string(kEntryBytes, 'x'));
        }
        std::promise<Status> durable;
        journal->WhenDurable(sequence,
                             [&](Status status) { durable.set_value(std::move(status)); });
        CheckOk(durable.get_future().get());
        latencies.push_back(Seconds(Clock::now() - start).count() * 1e6);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = Seconds(Clock::now() - begin).count();
  std::vector<double> all;
  for (const auto& latencies : micros) all.insert(all.end(), latencies.begin(), latencies.end());
  std::sort(all.begin(), all.end());
  const auto syncs = metrics.timer("Master.JournalFlushTimer").count();
  fmt::print(
      "{:>4} writers: {:>7.0f} appends/s, {:>5.0f} fdatasync/s, {:>5.1f} entries each, p50 {:.0f} "
      "us, p99 "
      "{:.0f} us, {:.1f} CPU-us per entry\n",
      writers, static_cast<double>(all.size()) / seconds, static_cast<double>(syncs) / seconds,
      static_cast<double>(all.size()) / static_cast<double>(syncs), all[all.size() / 2],
      all[all.size() * 99 / 100], (CpuSeconds() - cpu) * 1e6 / static_cast<double>(all.size()));
}

// Appends as fast as the limit on what may wait allows: the ceiling of the writer's thread.
void MeasureThroughput(const std::string& folder, uint64_t entries) {
  MetricsRegistry metrics;
  CountingReplayer ignored;
  auto journal = Open(folder, metrics, ignored);
  const double cpu = CpuSeconds();
  const auto begin = Clock::now();
  uint64_t last = 0;
  for (uint64_t i = 0; i < entries; ++i) {
    last = journal->Append(std::string(kEntryBytes, 'x'));
    if (i % 10000 != 0 || journal->CheckWritable().ok()) continue;
    std::promise<void> durable;
    journal->WhenDurable(last, [&](const Status&) { durable.set_value(); });
    durable.get_future().wait();
  }
  journal->Stop();
  const double seconds = Seconds(Clock::now() - begin).count();
  fmt::print("  unawaited: {:>7.0f} appends/s, {:.1f} CPU-us per entry\n",
             static_cast<double>(entries) / seconds,
             (CpuSeconds() - cpu) * 1e6 / static_cast<double>(entries));
}

void MeasureRecovery(const std::string& folder) {
  MetricsRegistry metrics;
  CountingReplayer replayer;
  const auto begin = Clock::now();
  auto journal = Open(folder, metrics, replayer);
  const double seconds = Seconds(Clock::now() - begin).count();
  fmt::print("recovery: {} snapshot records and {} entries in {:.3f} s ({:.0f}/s)\n",
             replayer.records, replayer.entries, seconds,
             static_cast<double>(replayer.records + replayer.entries) / seconds);
}

// The latency of appends while a snapshot of `records` records is written beside them.
void MeasureSnapshot(const std::string& folder, uint64_t records) {
  MetricsRegistry metrics;
  CountingReplayer ignored;
  auto journal = Open(folder, metrics, ignored);
  std::atomic<bool> finished = false;
  std::vector<double> micros;
  std::thread appender([&] {
    while (!finished) {
      const auto start = Clock::now();
      std::promise<void> durable;
      journal->WhenDurable(journal->Append(std::string(kEntryBytes, 'x')),
                           [&](const Status&) { durable.set_value(); });
      durable.get_future().wait();
      micros.push_back(Seconds(Clock::now() - start).count() * 1e6);
    }
  });
  SyntheticSource source(records);
  const auto begin = Clock::now();
  CheckOk(journal->Snapshot(source));
  const double seconds = Seconds(Clock::now() - begin).count();
  finished = true;
  appender.join();
  std::sort(micros.begin(), micros.end());
  fmt::print(
      "snapshot: {} records of 150 bytes in {:.3f} s; one appender meanwhile: {:.0f}/s, p50 {:.0f} "
      "us, "
      "p99 {:.0f} us\n",
      records, seconds, static_cast<double>(micros.size()) / seconds, micros[micros.size() / 2],
      micros[micros.size() * 99 / 100]);
}

void Run(const std::string& folder, Seconds duration) {
  CheckOk(FormatLocalJournal(io::Env::Posix(), folder, "bench", /*force=*/false));
  MeasureDisk(folder, duration);
  for (const int writers : {1, 8, 32, 128}) MeasureAppends(folder, writers, duration);
  MeasureThroughput(folder, 2'000'000);
  MeasureRecovery(folder);
  MeasureSnapshot(folder, 1'000'000);
  MeasureRecovery(folder);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace headpond::journal

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fmt::print(stderr, "usage: journal_bench FOLDER [SECONDS]\n");
    return 2;
  }
  headpond::journal::Run(argv[1], headpond::journal::Seconds(argc == 3 ? std::atof(argv[2]) : 3.0));
  return 0;
}

// What one block costs. Prints one line per measurement; no arguments.
//
//   block_store_bench [directory]     default /dev/shm, else $TMPDIR or /tmp

#include <fmt/core.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "cache/block_store.h"
#include "testing/temp_directory.h"

namespace headpond::cache {
namespace {

constexpr int64_t kMiB = 1 << 20;

double CpuSeconds() {
  struct rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Runs `body` until `count` calls are done and prints rate and CPU.
void Measure(const std::string& what, int64_t count, int64_t bytes_each,
             const std::function<void(int64_t)>& body) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu_begin = CpuSeconds();
  for (int64_t i = 0; i < count; ++i) body(i);
  const double cpu = CpuSeconds() - cpu_begin;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print("{:<44} {:>10.0f}/s {:>9.2f} us CPU each", what, static_cast<double>(count) / seconds,
             cpu / static_cast<double>(count) * 1e6);
  if (bytes_each > 0) {
    fmt::print(" {:>8.0f} MiB/s", static_cast<double>(count * bytes_each) / kMiB / seconds);
  }
  fmt::print("\n");
}

void Check(bool ok, std::string_view what) {
  if (ok) return;
  fmt::print(stderr, "failed: {}\n", what);
  std::exit(1);
}

void Put(BlockStore& store, BlockId block, int64_t length, const std::string& chunk) {
  auto writer = store.Create(block, block, {}, length);
  Check(writer.ok(), writer.status().ToString());
  for (int64_t at = 0; at < length; at += static_cast<int64_t>(chunk.size())) {
    const auto size = static_cast<size_t>(std::min<int64_t>(length - at, chunk.size()));
    Check((*writer)->Append(std::string_view(chunk).substr(0, size)).ok(), "append");
  }
  Check((*writer)->Commit(false).ok(), "commit");
}

void Run(const std::string& parent) {
  TempDirectory root(parent);
  BlockStoreOptions options;
  options.tiers.push_back({"MEM", {{root / "mem", 512 * kMiB, ""}}});
  auto opened = OpenTieredBlockStore(options);
  Check(opened.ok(), opened.status().ToString());
  BlockStore& store = **opened;
  const std::string chunk(kMiB, 'x');

  Measure("create + commit, 1 MiB", 400, kMiB, [&](int64_t i) { Put(store, i, kMiB, chunk); });
  Measure("the same, evicting one each", 2000, kMiB,
          [&](int64_t i) { Put(store, 1000 + i, kMiB, chunk); });
  Check(store.RemoveAll().ok(), "remove all");
  Measure("create + commit, 4 KiB", 20000, 4096, [&](int64_t i) { Put(store, i, 4096, chunk); });

  std::string buffer(kMiB, '\0');
  Measure("open + read 4 KiB + close", 200000, 4096, [&](int64_t i) {
    const auto reader = store.Open(i * 7919 % 20000);
    Check(reader.ok() && (*reader)->ReadAt(0, 4096, buffer.data()).ok(), "read");
  });
  {
    const auto reader = store.Open(7);
    Measure("read 4 KiB of an open block", 500000, 4096,
            [&](int64_t) { Check((*reader)->ReadAt(0, 4096, buffer.data()).ok(), "read"); });
  }
  Measure("contains", 1000000, 0, [&](int64_t i) { Check(store.Contains(i % 20000), "contains"); });

  Check(store.RemoveAll().ok(), "remove all");
  Measure("write 64 MiB block by 1 MiB", 7, 64 * kMiB,
          [&](int64_t i) { Put(store, i, 64 * kMiB, chunk); });
  Measure("read 64 MiB block by 1 MiB", 28, 64 * kMiB, [&](int64_t i) {
    const auto reader = store.Open(i % 7);
    for (int64_t at = 0; at < 64 * kMiB; at += kMiB) {
      Check((*reader)->ReadAt(at, kMiB, buffer.data()).ok(), "read");
    }
  });
  Check(store.RemoveAll().ok(), "remove all");
  for (BlockId block = 0; block < 100000; ++block) Put(store, block, 16, chunk);
  opened->reset();
  Measure("start with 100,000 blocks", 1, 0,
          [&](int64_t) { Check((opened = OpenTieredBlockStore(options)).ok(), "reopen"); });
}

}  // namespace
}  // namespace headpond::cache

int main(int argc, char** argv) {
  headpond::cache::Run(argc > 1 ? argv[1] : std::filesystem::exists("/dev/shm") ? "/dev/shm" : "");
  return 0;
}

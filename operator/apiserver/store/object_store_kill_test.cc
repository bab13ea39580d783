// kill -9 of a real process that writes to a store. The test runs itself again as the process to
// kill:
//   operator_object_store_kill_test --child FILE
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "base/random.h"
#include "operator/apiserver/store/object_store.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr int kRounds = 12;
constexpr int kAckFd = 3;
constexpr int kNames = 7;

ObjectKey KeyAt(int64_t version) {
  return {"headpond.dev", "cacheclusters", "default", std::to_string(version % kNames)};
}

// Version v writes v into object v mod 7, or deletes it when v is a multiple of 5.
Status WriteNext(ObjectStore& store) {
  const int64_t next = store.version() + 1;
  const ObjectKey key = KeyAt(next);
  const int64_t expected = store.Get(key).value_or({}).version;
  auto object =
      expected != 0 && next % 5 == 0 ? nullptr : std::make_shared<json>(json{{"value", next}});
  return store.Commit({{key, expected, std::move(object)}}).status();
}

int Child(const std::string& path) {
  auto store = ObjectStore::Open({.path = path, .log_entries = 32});
  if (!store.ok()) return 1;
  while (WriteNext(**store).ok()) {
    const int64_t version = (*store)->version();
    if (::write(kAckFd, &version, sizeof(version)) != sizeof(version)) return 2;
  }
  return 3;
}

// Starts a child, waits for `count` acknowledgements, kills it; returns the last one it gave.
int64_t RunAndKill(const std::string& path, uint64_t count) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 0;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], kAckFd);  // without O_CLOEXEC
    ::execl("/proc/self/exe", "operator_object_store_kill_test", "--child", path.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  int64_t last = 0;
  pollfd ready{.fd = ends[0], .events = POLLIN};
  while (count-- > 0 && ::poll(&ready, 1, 60'000) == 1 &&
         ::read(ends[0], &last, sizeof(last)) == sizeof(last)) {
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  while (::read(ends[0], &last, sizeof(last)) == sizeof(last)) {
  }
  ::close(ends[0]);
  return last;
}

// What the objects must be after `version` changes.
std::map<std::string, int64_t> Model(int64_t version) {
  std::map<std::string, int64_t> objects;
  for (int64_t v = 1; v <= version; ++v) {
    const std::string name = KeyAt(v).name;
    if (objects.contains(name) && v % 5 == 0)
      objects.erase(name);
    else
      objects[name] = v;
  }
  return objects;
}

TEST(ObjectStoreKillTest, NoAcknowledgedWriteIsLostByAKill) {
  const uint64_t seed = Random::FromSystem().Next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  TempDirectory directory;
  const std::string path = directory / "api.db";
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const int64_t acknowledged = RunAndKill(path, 1 + random.Below(60));
    ASSERT_GT(acknowledged, 0) << "the process ended by itself";
    ASSERT_OK_AND_ASSIGN(const auto store, ObjectStore::Open({.path = path, .log_entries = 32}));
    ASSERT_GE(store->version(), acknowledged);
    ASSERT_LE(store->version(), acknowledged + 1) << "at most the write under way";
    std::map<std::string, int64_t> found;
    for (const auto& [key, stored] : store->AllObjects())
      found[key.name] = stored.object->at("value");
    ASSERT_EQ(found, Model(store->version()));
    ASSERT_OK_AND_ASSIGN(const auto changes,
                         store->ChangesAfter(store->compacted_version(), "headpond.dev",
                                             "cacheclusters", 1'000'000));
    ASSERT_EQ(static_cast<int64_t>(changes.events.size()),
              store->version() - store->compacted_version());
  }
}

}  // namespace
}  // namespace headpond::apiserver

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--child") return headpond::apiserver::Child(argv[2]);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

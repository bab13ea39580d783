// Any sequence of applies and updates keeps the promises of ownership.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "operator/apiserver/server_side_apply.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr int kSeeds = 100;
constexpr int kSteps = 30;
constexpr const char* kManagers[] = {"a", "b", "c"};

ManagedEntries EntriesOf(const json& object) {
  auto entries = ReadManagedFields(object);
  EXPECT_TRUE(entries);
  return entries.value_or(ManagedEntries());
}

json RandomSpec(Random& random) {
  json spec = json::object();
  if (random.Below(2) == 0) spec["paused"] = random.Below(2) == 0;
  if (random.Below(2) == 0) spec["worker"]["replicas"] = random.Below(3);
  if (random.Below(2) == 0)
    for (const char* const key : {"x", "y"})
      if (random.Below(2) == 0) spec["properties"][key] = std::to_string(random.Below(2));
  if (random.Below(2) == 0) {
    spec["env"] = json::array();
    for (const char* const name : {"C", "A", "B"})
      if (random.Below(2) == 0) {
        json item = {{"name", name}};
        if (random.Below(2) == 0) item["value"] = std::to_string(random.Below(2));
        spec["env"].push_back(std::move(item));
      }
  }
  return spec;
}

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  void Step() {
    const char* const name = kManagers[random_.Below(std::size(kManagers))];
    if (random_.Below(4) == 0)
      Update(name);
    else
      ApplyOnce(name);
    CheckOwnersOwnWhatIsThere();
  }

 private:
  static const Shape& ClusterShape() {
    return ShapeOf(StoredType("headpond.dev", "cacheclusters"));
  }
  static Manager Named(const char* name, bool applies) {
    return {.name = name, .applies = applies, .api_version = "v1"};
  }
  void Update(const char* name) {
    json after = object_;
    after["spec"] = RandomSpec(random_);
    object_ =
        WithManagedFields(after, AfterUpdate(ClusterShape(), object_, after, EntriesOf(object_),
                                             Named(name, false), ++now_ms_));
  }

  // What `config` makes of the object; nullopt: a conflict.
  std::optional<json> Applied(const Manager& applier, const json& config, bool force) {
    const auto done = Apply(ClusterShape(), object_, config, applier, force, now_ms_);
    if (!done.ok()) {
      EXPECT_EQ(done.status().code, 409);
      EXPECT_FALSE(force);
      return std::nullopt;
    }
    return WithManagedFields(done->object, AfterApply(ClusterShape(), object_, done->object,
                                                      done->entries, applier, now_ms_));
  }

  void ApplyOnce(const char* name) {
    now_ms_ += 1000;
    const Manager applier = Named(name, true);
    const json config = {{"spec", RandomSpec(random_)}};
    const bool force = random_.Below(3) == 0;
    const auto next = Applied(applier, config, force);
    if (!next) return;
    // Everything that was said holds.
    EXPECT_EQ(Merged(ClusterShape(), *next, config).at("spec"), next->at("spec"))
        << config << *next;
    EXPECT_EQ(FieldsOfManagerIn(*next, applier), FieldsOf(ClusterShape(), config));
    // What others own alone is as it was.
    for (const ManagedEntry& entry : EntriesOf(*next)) {
      if (entry.manager == applier) continue;
      const FieldSet untouched = entry.fields.Minus(FieldsOf(ClusterShape(), config));
      EXPECT_EQ(ChangedFields(ClusterShape(), OwnedPart(object_), OwnedPart(*next))
                    .Intersection(untouched)
                    .Paths(),
                std::vector<std::string>());
    }
    object_ = *next;
    // Saying it again does nothing, even later.
    now_ms_ += 1000;
    EXPECT_EQ(Applied(applier, config, false), object_);
  }

  static FieldSet FieldsOfManagerIn(const json& object, const Manager& manager) {
    for (const ManagedEntry& entry : EntriesOf(object))
      if (entry.manager == manager) return entry.fields;
    return {};
  }

  void CheckOwnersOwnWhatIsThere() {
    for (const ManagedEntry& entry : EntriesOf(object_))
      EXPECT_EQ(Existing(ClusterShape(), entry.fields, OwnedPart(object_)), entry.fields);
  }

  Random random_;
  int64_t now_ms_ = 1'700'000'000'000;
  json object_ = {{"spec", json::object()}};
};

TEST(ServerSideApplyPropertyTest, OwnershipHoldsWhateverIsWritten) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed);
    for (int step = 0; step < kSteps && !::testing::Test::HasFailure(); ++step) world.Step();
  }
}

}  // namespace
}  // namespace headpond::apiserver

#include "operator/testing/fake_runtime.h"

#include "operator/runtime/runtime_conformance.h"

namespace headpond::testing_operator {
namespace {

// The fake is only worth something if it behaves like the real thing.
class FakeHarness final : public runtime::RuntimeHarness {
 public:
  std::unique_ptr<runtime::Runtime> Make() override {
    return std::make_unique<FakeRuntime>(world_, Clock::System());
  }
  plan::Workload Good(plan::Role role, int ordinal) override { return Make(role, ordinal, "good"); }
  plan::Workload Crashing(plan::Role role, int ordinal) override {
    return Make(role, ordinal, FakeWorld::kCrash);
  }
  plan::Workload Stubborn(plan::Role role, int ordinal) override {
    return Make(role, ordinal, FakeWorld::kStubborn);
  }
  plan::Workload Silent(plan::Role role, int ordinal) override {
    return Make(role, ordinal, FakeWorld::kSilent);
  }
  void KillBehindItsBack(const plan::ObservedWorkload& workload) override {
    world_.Crash(workload.name, Clock::System().NowMs());
  }
  std::shared_ptr<void> BlockStart(const plan::Workload& workload) override {
    const int port = workload.ports[0].number;
    world_.taken_ports.insert(port);
    return std::shared_ptr<void>(nullptr, [this, port](void*) { world_.taken_ports.erase(port); });
  }
  void WriteData(const plan::Workload& workload) override {
    world_.precious.insert(workload.volumes[0].path);
  }
  bool HasData(const plan::Workload& workload) override {
    return world_.precious.contains(workload.volumes[0].path);
  }

 private:
  static plan::Workload Make(plan::Role role, int ordinal, const char* behaviour) {
    plan::Workload workload{.role = role,
                            .ordinal = ordinal,
                            .args = {behaviour},
                            .termination_grace = std::chrono::seconds(1)};
    workload.name = fmt::format("demo-{}-{}", plan::RoleName(role), ordinal);
    workload.ports = {{"rpc", 19998, "spec.ports.master.rpc"}};
    workload.volumes = {
        {.name = "state", .kind = plan::VolumeKind::kDurable, .path = "/fake/" + workload.name}};
    return workload;
  }
  FakeWorld world_;
};

using runtime::RuntimeConformance;
using runtime::SharedPortsConformance;
INSTANTIATE_TEST_SUITE_P(Fake, RuntimeConformance,
                         ::testing::Values([]() -> std::unique_ptr<runtime::RuntimeHarness> {
                           return std::make_unique<FakeHarness>();
                         }));
INSTANTIATE_TEST_SUITE_P(Fake, SharedPortsConformance,
                         ::testing::Values([]() -> std::unique_ptr<runtime::RuntimeHarness> {
                           return std::make_unique<FakeHarness>();
                         }));

}  // namespace
}  // namespace headpond::testing_operator

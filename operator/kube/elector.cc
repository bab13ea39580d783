#include "operator/kube/elector.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/kube/client.h"

namespace headpond::kube {
namespace {

constexpr std::string_view kComponent = "elector";
// That the lease can't be had, which each try finds anew.
constexpr std::chrono::seconds kTellAgain{30};

class ApiLeaseStore final : public LeaseStore {
 public:
  ApiLeaseStore(Client& client, std::string name_space, std::string name)
      : client_(client), name_{std::move(name_space), std::move(name)} {}

  Result<LeaseRecord> Read() override {
    const auto object = client_.Get(kLeases, name_);
    if (object.status().code() == Code::kNotFound) return LeaseRecord{};
    if (!object.ok()) return object.status();
    return ReadLease(*object);
  }

  Result<LeaseRecord> Write(const LeaseRecord& record) override {
    const nlohmann::json lease = ToLease(record, name_.name_space, name_.name);
    ASSIGN_OR_RETURN(const nlohmann::json stored, record.resource_version.empty()
                                                      ? client_.Create(kLeases, lease)
                                                      : client_.Update(kLeases, lease));
    return ReadLease(stored);
  }

 private:
  const Resource kLeases{"coordination.k8s.io", "v1", "leases"};
  Client& client_;
  const ObjectName name_;
};

}  // namespace

std::unique_ptr<LeaseStore> ApiLease(Client& client, std::string name_space, std::string name) {
  return std::make_unique<ApiLeaseStore>(client, std::move(name_space), std::move(name));
}

Elector::Elector(ElectionOptions options, LeaseStore& store, const Clock& clock,
                 std::function<void(bool leads)> on_change)
    : options_(options),
      store_(store),
      clock_(clock),
      on_change_(std::move(on_change)),
      election_(std::move(options)) {}

Elector::~Elector() {
  Stop();
}

void Elector::Start() {
  ticks_ = std::make_unique<PeriodicTask>(
      "elector", options_.retry_period, [this] { Tick(); },
      /*immediately=*/true);
}

void Elector::Stop() {
  if (!ticks_) return;
  ticks_.reset();
  std::optional<LeaseRecord> released;
  {
    MutexLock lock(mutex_);
    if (!lost_) released = election_.Release(clock_.NowMs());
    lost_ = true;
  }
  if (!released) return;
  if (const auto written = store_.Write(*released); !written.ok())
    LogWarn(kComponent, "the lease was not given up; the next operator waits for its end: {}",
            written.status().message());
}

bool Elector::Leads() const {
  MutexLock lock(mutex_);
  return !lost_ && election_.Leads(clock_.Now());
}

std::string Elector::holder() const {
  MutexLock lock(mutex_);
  return election_.observed().holder;
}

void Elector::Tick() {
  const auto asked_at = clock_.Now();
  const auto read = store_.Read();
  std::optional<LeaseRecord> next;
  bool led = false;
  {
    MutexLock lock(mutex_);
    if (lost_) return;
    led = led_;
    if (read.ok()) next = election_.Decide(*read, clock_.Now(), clock_.NowMs());
  }
  Status failure = read.status();
  if (next) {
    const auto written = store_.Write(*next);
    MutexLock lock(mutex_);
    if (written.ok()) election_.Stored(*written, asked_at);
    failure = written.status();
  }
  bool leads = false;
  {
    MutexLock lock(mutex_);
    leads = election_.Leads(clock_.Now());
    if (led && !leads) lost_ = true;
    led_ = leads;
  }
  const bool another_was_first =
      failure.code() == Code::kAborted || failure.code() == Code::kAlreadyExists;
  if (failure.ok() || another_was_first) {
    told_at_.reset();
  } else if (!told_at_ || asked_at - *told_at_ >= kTellAgain) {
    told_at_ = asked_at;
    LogWarn(kComponent, "cannot {} the lease: {}", next ? "write" : "read", failure.ToString());
  }
  if (leads != led) on_change_(leads);
}

}  // namespace headpond::kube

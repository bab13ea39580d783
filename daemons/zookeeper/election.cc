#include "zookeeper/election.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/log.h"

namespace headpond::zookeeper {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "election";
constexpr std::string_view kLockMark = "-lock-";
constexpr std::chrono::seconds kReportEvery{30};
constexpr milliseconds kLongestLook{1'000};

// See the top of Election.
milliseconds LeaseOf(milliseconds session_timeout) {
  return session_timeout * 2 / 3;
}

// How often the lease is prolonged: eight times before it ends.
milliseconds LookInterval(milliseconds session_timeout) {
  return std::min(session_timeout / 12, kLongestLook);
}

// The number that ZooKeeper gave a node of the election; nothing for other nodes.
std::optional<uint64_t> NumberOf(const std::string& name) {
  const size_t mark = name.rfind(kLockMark);
  if (mark == std::string::npos) return std::nullopt;
  const char* const begin = name.data() + mark + kLockMark.size();
  const char* const end = name.data() + name.size();
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

Election::Election(ElectionOptions options, std::function<void()> changed)
    : options_(std::move(options)), changed_(std::move(changed)), random_(options_.random) {}

Election::~Election() {
  Stop();
}

void Election::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Election::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  Lose("this master is being stopped");
  std::shared_ptr<Session> session;  // closed without the lock
  MutexLock lock(mutex_);
  session.swap(session_);
}

bool Election::Leads() const {
  MutexLock lock(mutex_);
  return elected_ && options_.clock->Now() < lease_end_;
}

steady_clock::time_point Election::lease_end() const {
  MutexLock lock(mutex_);
  return elected_ ? lease_end_ : Time::min();
}

std::string Election::leader() const {
  MutexLock lock(mutex_);
  return leader_;
}

void Election::Announce(bool serves) {
  MutexLock lock(mutex_);
  serves_ = serves && elected_;
  woken_ = true;
  wake_.NotifyAll();
}

bool Election::announced() const {
  MutexLock lock(mutex_);
  return announced_;
}

std::shared_ptr<Session> Election::session() const {
  MutexLock lock(mutex_);
  if (session_ == nullptr || session_->state() != SessionState::kConnected) return nullptr;
  return session_;
}

void Election::Run() {
  for (;;) {
    const Status status = Step();
    Report(status);
    MutexLock lock(mutex_);
    const auto pause = status.ok() ? LookInterval(session_->timeout()) : options_.retry_pause;
    const auto deadline = steady_clock::now() + pause;
    while (!stopping_ && !woken_)
      if (!wake_.WaitUntil(mutex_, deadline)) break;
    woken_ = false;
    if (stopping_) return;
  }
}

// The first failure, then one line in half a minute.
void Election::Report(const Status& status) {
  if (status.ok()) {
    next_report_ = {};
    return;
  }
  if (steady_clock::now() < next_report_) return;
  next_report_ = steady_clock::now() + kReportEvery;
  LogWarn(kComponent, "no part in the election at {} now, trying again: {}", options_.address,
          status.message());
}

Status Election::Step() {
  ASSIGN_OR_RETURN(const auto session, LivingSession());
  if (session->state() != SessionState::kConnected) {
    if (options_.connection_loss_ends) Lose("the connection with ZooKeeper is lost");
    return Unavailable("ZooKeeper can't be reached");
  }
  if (!takes_part_) RETURN_IF_ERROR(TakePart(*session));
  RETURN_IF_ERROR(Look(*session));
  return Show(*session);
}

Result<std::shared_ptr<Session>> Election::LivingSession() {
  std::shared_ptr<Session> session;
  {
    MutexLock lock(mutex_);
    if (session_ != nullptr && session_->state() != SessionState::kExpired) return session_;
    session.swap(session_);
  }
  if (session != nullptr) {
    LogWarn(kComponent, "the session with ZooKeeper has expired");
    Lose("its session with ZooKeeper has expired");
    session.reset();
  }
  takes_part_ = false;
  uuid_ = random_.Uuid();
  ASSIGN_OR_RETURN(session, options_.open({.address = options_.address,
                                           .timeout = options_.session_timeout,
                                           .on_event = [this] {
                                             MutexLock lock(mutex_);
                                             woken_ = true;
                                             wake_.NotifyAll();
                                           }}));
  MutexLock lock(mutex_);
  session_ = session;
  announced_ = false;
  return session;
}

// Whether a node was made is not known when the connection was lost meanwhile: Look finds it by its
// name, or not.
Status Election::TakePart(Session& session) {
  RETURN_IF_ERROR(CreatePath(session, options_.election_path));
  RETURN_IF_ERROR(CreatePath(session, options_.leader_path));
  ASSIGN_OR_RETURN(const auto names, session.Children(options_.election_path, /*watch=*/false));
  const std::string name = "_c_" + uuid_ + std::string(kLockMark);
  const bool there =
      std::ranges::any_of(names, [&](const auto& known) { return known.starts_with(name); });
  if (!there)
    RETURN_IF_ERROR(session
                        .Create(options_.election_path + "/" + name, options_.self,
                                NodeKind::kEphemeralSequential)
                        .status());
  takes_part_ = true;
  LogInfo(kComponent, "{} takes part in the election in {}", options_.self, options_.election_path);
  return Status::Ok();
}

Status Election::Look(Session& session) {
  const Time asked = options_.clock->Now();
  ASSIGN_OR_RETURN(const auto names, session.Children(options_.election_path, /*watch=*/true));
  std::string first;
  bool there = false;
  for (const std::string& name : names) {
    const auto number = NumberOf(name);
    if (!number) continue;
    there = there || name.starts_with("_c_" + uuid_);
    if (first.empty() || *number < *NumberOf(first)) first = name;
  }
  if (!there) {
    takes_part_ = false;
    Lose("its node in the election was removed");
    return Unavailable("this master's node in {} was removed", options_.election_path);
  }
  const bool own = first.starts_with("_c_" + uuid_);
  std::string leader = options_.self;
  if (!own) {
    const auto node = session.Get(options_.election_path + "/" + first);
    if (!node.ok() && node.status().code() != Code::kNotFound) return node.status();
    leader = node.ok() ? node->data : "";
  }
  bool news = false;
  {
    MutexLock lock(mutex_);
    news = own != elected_ || leader != leader_;
    elected_ = own;
    leader_ = leader;
    if (own) lease_end_ = asked + LeaseOf(session.timeout());
  }
  if (!news) return Status::Ok();
  LogInfo(kComponent, "{} is elected", leader.empty() ? "nobody" : leader);
  changed_();
  return Status::Ok();
}

// A node of that name that another session owns was left by an earlier life of this master.
Status Election::Show(Session& session) {
  bool wanted = false;
  {
    MutexLock lock(mutex_);
    wanted = serves_ && elected_;
    if (wanted == announced_) return Status::Ok();
  }
  const std::string path = options_.leader_path + "/" + options_.self;
  const auto known = session.Get(path);
  if (!known.ok() && known.status().code() != Code::kNotFound) return known.status();
  const bool own = known.ok() && known->owner == session.id();
  if (known.ok() && (!wanted || !own)) {
    const Status removed = session.Remove(path);
    if (!removed.ok() && removed.code() != Code::kNotFound) return removed;
  }
  if (wanted && !own)
    RETURN_IF_ERROR(session.Create(path, options_.self, NodeKind::kEphemeral).status());
  MutexLock lock(mutex_);
  announced_ = wanted;
  return Status::Ok();
}

void Election::Lose(std::string_view why) {
  {
    MutexLock lock(mutex_);
    serves_ = false;
    leader_.clear();
    if (!elected_) return;
    elected_ = false;
  }
  LogWarn(kComponent, "{} is elected no more: {}", options_.self, why);
  changed_();
}

}  // namespace headpond::zookeeper

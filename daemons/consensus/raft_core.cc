#include "consensus/raft_core.h"

#include <exception>
#include <utility>

#include "headpond_raft.h"

namespace headpond::consensus {

namespace {

hp_raft_bytes View(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::string ToString(hp_raft_bytes bytes) {
  return bytes.size == 0 ? std::string()
                         : std::string(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

hp_raft_ids View(const std::vector<uint64_t>& ids) {
  return {ids.data(), ids.size()};
}

std::vector<uint64_t> ToIds(hp_raft_ids ids) {
  return ids.size == 0 ? std::vector<uint64_t>()
                       : std::vector<uint64_t>(ids.data, ids.data + ids.size);
}

hp_raft_conf_state View(const ConfState& state) {
  return {View(state.voters), View(state.learners), View(state.voters_outgoing),
          View(state.learners_next), static_cast<uint8_t>(state.auto_leave)};
}

ConfState ToConfState(const hp_raft_conf_state& state) {
  return {ToIds(state.voters), ToIds(state.learners), ToIds(state.voters_outgoing),
          ToIds(state.learners_next), state.auto_leave != 0};
}

std::vector<Entry> ToEntries(const hp_raft_entry* entries, size_t count) {
  std::vector<Entry> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const hp_raft_entry& entry = entries[i];
    result.push_back({entry.index, entry.term, static_cast<EntryKind>(entry.kind),
                      ToString(entry.data), ToString(entry.context)});
  }
  return result;
}

std::vector<Message> ToMessages(const hp_raft_message* messages, size_t count) {
  std::vector<Message> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const hp_raft_message& message = messages[i];
    result.push_back({message.to, static_cast<MessageType>(message.type), message.snapshot_index,
                      ToString(message.bytes)});
  }
  return result;
}

int CallbackCode(Code code) {
  switch (code) {
    case Code::kOutOfRange: return HP_RAFT_LOG_COMPACTED;
    case Code::kUnavailable: return HP_RAFT_LOG_UNAVAILABLE;
    default: return HP_RAFT_LOG_FAILED;
  }
}

}  // namespace

const char* RoleName(Role role) {
  switch (role) {
    case Role::kFollower: return "follower";
    case Role::kPreCandidate: return "pre-candidate";
    case Role::kCandidate: return "candidate";
    case Role::kLeader: return "leader";
    case Role::kLearner: return "learner";
  }
  return "unknown";
}

// What the core calls while one of its functions runs. No exception may pass through it: one that a
// log throws (out of memory) counts as a failure to read.
struct RaftCore::Callbacks {
  template <typename Body>
  static int Run(void* context, Body body) noexcept {
    const auto& core = *static_cast<const RaftCore*>(context);
    Status status;
    try {
      status = body(core.log_);
    } catch (const std::exception& error) {
      status = Internal("exception in the log: {}", error.what());
    }
    if (status.ok()) return HP_RAFT_OK;
    const int code = CallbackCode(status.code());
    if (code == HP_RAFT_LOG_FAILED) core.log_failure_ = std::move(status);
    return code;
  }

  static uint64_t FirstIndex(void* context) {
    return static_cast<const RaftCore*>(context)->log_.first_index();
  }

  static uint64_t LastIndex(void* context) {
    return static_cast<const RaftCore*>(context)->log_.last_index();
  }

  static int32_t Term(void* context, uint64_t index, uint64_t* term) {
    return Run(context, [&](const LogReader& log) -> Status {
      ASSIGN_OR_RETURN(*term, log.Term(index));
      return Status::Ok();
    });
  }

  static int32_t Entries(void* context, uint64_t low, uint64_t high, uint64_t max_bytes, void* sink,
                         hp_raft_emit_entry emit) {
    return Run(context, [&](const LogReader& log) -> Status {
      ASSIGN_OR_RETURN(const std::vector<Entry> entries, log.Entries(low, high, max_bytes));
      for (const Entry& entry : entries) {
        const hp_raft_entry view = {entry.index, entry.term, static_cast<uint32_t>(entry.kind),
                                    View(entry.data), View(entry.context)};
        emit(sink, &view);
      }
      return Status::Ok();
    });
  }

  static int32_t Snapshot(void* context, uint64_t request_index, void* sink,
                          hp_raft_emit_snapshot emit) {
    return Run(context, [&](const LogReader& log) -> Status {
      ASSIGN_OR_RETURN(const SnapshotMeta meta, log.NewestSnapshot(request_index));
      const hp_raft_snapshot_meta view = {meta.index, meta.term, View(meta.conf_state)};
      emit(sink, &view);
      return Status::Ok();
    });
  }

  static void Log(void* context, uint32_t level, hp_raft_bytes text) {
    const auto& core = *static_cast<const RaftCore*>(context);
    const std::string_view view(reinterpret_cast<const char*>(text.data), text.size);
    core.logger_(level == 0   ? LogLevel::kError
                 : level == 1 ? LogLevel::kWarn
                              : LogLevel::kInfo,
                 view);
  }
};

RaftCore::RaftCore(const LogReader& log, std::function<void(LogLevel, std::string_view)> logger)
    : log_(log), logger_(std::move(logger)) {}

RaftCore::~RaftCore() {
  hp_raft_destroy(handle_);
}

Status RaftCore::ToStatus(int code, const char* text) const {
  switch (code) {
    case HP_RAFT_OK: return Status::Ok();
    case HP_RAFT_INVALID_ARGUMENT:
    case HP_RAFT_BAD_MESSAGE: return InvalidArgument("{}", text);
    case HP_RAFT_NOT_LEADER:
    case HP_RAFT_BUSY:
    case HP_RAFT_DEAD: return FailedPrecondition("{}", text);
    case HP_RAFT_DROPPED: return Unavailable("{}", text);
    case HP_RAFT_UNKNOWN_PEER: return NotFound("{}", text);
    case HP_RAFT_TOO_MUCH: return ResourceExhausted("{}", text);
    case HP_RAFT_CONF_CHANGE: return InvalidArgument("{}", text);
    case HP_RAFT_CONF_CHANGE_PENDING: return Aborted("{}", text);
    default:
      if (!log_failure_.ok()) return Internal("raft: {}: {}", text, log_failure_.ToString());
      return Internal("raft: {}", text);
  }
}

template <typename Function, typename... Args>
Status RaftCore::Call(Function function, Args... args) const {
  hp_raft_error error;
  return ToStatus(function(handle_, args..., &error), error.text);
}

Result<std::unique_ptr<RaftCore>> RaftCore::Create(const CoreOptions& options,
                                                   const HardState& hard_state,
                                                   const ConfState& conf_state,
                                                   const LogReader& log) {
  if (hp_raft_abi_version() != HP_RAFT_ABI_VERSION) {
    return Internal("the raft library has ABI {}, not {}", hp_raft_abi_version(),
                    HP_RAFT_ABI_VERSION);
  }
  std::unique_ptr<RaftCore> core(new RaftCore(log, options.log));
  const hp_raft_options raw = {
      .id = options.id,
      .election_ticks = options.election_ticks,
      .heartbeat_ticks = options.heartbeat_ticks,
      .max_size_per_message = options.max_size_per_message,
      .max_inflight = options.max_inflight,
      .max_uncommitted_size = options.max_uncommitted_size,
      .max_committed_size_per_ready = options.max_committed_size_per_ready,
      .applied = options.applied,
      .seed = options.seed,
      .pre_vote = static_cast<uint8_t>(options.pre_vote),
      .check_quorum = static_cast<uint8_t>(options.check_quorum),
  };
  const hp_raft_hard_state raw_hard_state = {hard_state.term, hard_state.vote, hard_state.commit};
  const hp_raft_conf_state raw_conf_state = View(conf_state);
  const hp_raft_log callbacks = {
      .context = core.get(),
      .first_index = &Callbacks::FirstIndex,
      .last_index = &Callbacks::LastIndex,
      .term = &Callbacks::Term,
      .entries = &Callbacks::Entries,
      .snapshot = &Callbacks::Snapshot,
      .log = options.log ? &Callbacks::Log : nullptr,
  };
  hp_raft_error error;
  const int code =
      hp_raft_create(&raw, &raw_hard_state, &raw_conf_state, &callbacks, &core->handle_, &error);
  if (code != HP_RAFT_OK) return core->ToStatus(code, error.text);
  return core;
}

Status RaftCore::Tick() {
  return Call(hp_raft_tick);
}

Status RaftCore::Step(std::string_view bytes) {
  return Call(hp_raft_step, View(bytes));
}

Result<LogPosition> RaftCore::Propose(std::string_view data, std::string_view context) {
  LogPosition position;
  RETURN_IF_ERROR(
      Call(hp_raft_propose, View(data), View(context), &position.index, &position.term));
  return position;
}

Result<LogPosition> RaftCore::ProposeConfChange(const std::vector<ConfChange>& changes,
                                                std::string_view context) {
  std::vector<hp_raft_conf_change> raw;
  for (const ConfChange& change : changes) {
    raw.push_back({static_cast<uint32_t>(change.kind), change.node});
  }
  LogPosition position;
  RETURN_IF_ERROR(Call(hp_raft_propose_conf_change, raw.data(), raw.size(), View(context),
                       &position.index, &position.term));
  return position;
}

Result<ConfState> RaftCore::ApplyConfChange(const Entry& entry) {
  if (entry.kind != EntryKind::kConfChange) {
    return InvalidArgument("entry {} is no configuration change", entry.index);
  }
  hp_raft_conf_state state;
  RETURN_IF_ERROR(Call(hp_raft_apply_conf_change, View(entry.data), &state));
  return ToConfState(state);
}

Status RaftCore::ReadIndex(std::string_view context) {
  return Call(hp_raft_read_index, View(context));
}

Status RaftCore::Campaign() {
  return Call(hp_raft_campaign);
}

Status RaftCore::TransferLeader(uint64_t to) {
  return Call(hp_raft_transfer_leader, to);
}

Status RaftCore::ReportUnreachable(uint64_t id) {
  return Call(hp_raft_report_unreachable, id);
}

Status RaftCore::ReportSnapshot(uint64_t id, bool ok) {
  return Call(hp_raft_report_snapshot, id, static_cast<uint8_t>(ok));
}

Status RaftCore::Ping() {
  return Call(hp_raft_ping);
}

bool RaftCore::HasReady() const {
  uint8_t has_ready = 0;
  return hp_raft_has_ready(handle_, &has_ready, nullptr) == HP_RAFT_OK && has_ready != 0;
}

Result<Ready> RaftCore::TakeReady() {
  hp_raft_ready raw;
  RETURN_IF_ERROR(Call(hp_raft_take_ready, &raw));
  Ready ready;
  ready.must_sync = raw.must_sync != 0;
  ready.take_snapshot = raw.take_snapshot != 0;
  if (raw.has_hard_state != 0) {
    ready.hard_state = {raw.hard_state.term, raw.hard_state.vote, raw.hard_state.commit};
  }
  ready.entries = ToEntries(raw.entries, raw.entry_count);
  if (raw.has_snapshot != 0) {
    ready.snapshot = {raw.snapshot.index, raw.snapshot.term, ToConfState(raw.snapshot.conf_state)};
  }
  ready.messages = ToMessages(raw.messages, raw.message_count);
  ready.persisted_messages = ToMessages(raw.persisted_messages, raw.persisted_message_count);
  ready.committed = ToEntries(raw.committed, raw.committed_count);
  for (size_t i = 0; i < raw.read_state_count; ++i) {
    ready.read_states.push_back({raw.read_states[i].index, ToString(raw.read_states[i].context)});
  }
  if (raw.has_soft_state != 0) ready.soft_state = {raw.leader, static_cast<Role>(raw.role)};
  return ready;
}

Result<LightReady> RaftCore::Advance() {
  hp_raft_light_ready raw;
  RETURN_IF_ERROR(Call(hp_raft_advance, &raw));
  LightReady ready;
  if (raw.has_commit != 0) ready.commit = raw.commit;
  ready.messages = ToMessages(raw.messages, raw.message_count);
  ready.committed = ToEntries(raw.committed, raw.committed_count);
  return ready;
}

Status RaftCore::AdvanceApply(uint64_t index) {
  return Call(hp_raft_advance_apply, index);
}

Result<CoreStatus> RaftCore::status() const {
  hp_raft_status raw;
  RETURN_IF_ERROR(Call(hp_raft_get_status, &raw));
  CoreStatus status = {
      .term = raw.term,
      .vote = raw.vote,
      .leader = raw.leader,
      .commit = raw.commit,
      .applied = raw.applied,
      .last_index = raw.last_index,
      .transferee = raw.transferee,
      .role = static_cast<Role>(raw.role),
      .commit_in_term = raw.commit_in_term != 0,
      .conf_state = ToConfState(raw.conf_state),
  };
  for (size_t i = 0; i < raw.progress_count; ++i) {
    const hp_raft_progress& progress = raw.progress[i];
    status.progress.push_back({progress.id, progress.match, progress.next,
                               progress.pending_snapshot,
                               static_cast<ProgressState>(progress.state),
                               progress.recent_active != 0, progress.learner != 0});
  }
  return status;
}

Result<MessageHeader> RaftCore::ParseHeader(std::string_view bytes) {
  hp_raft_error error;
  hp_raft_message_header raw;
  if (hp_raft_parse_header(View(bytes), &raw, &error) != HP_RAFT_OK) {
    return InvalidArgument("{}", error.text);
  }
  return MessageHeader{static_cast<MessageType>(raw.type),
                       raw.from,
                       raw.to,
                       raw.term,
                       raw.snapshot_index,
                       raw.snapshot_term};
}

}  // namespace headpond::consensus

#pragma once

// The C ABI of the crate in this folder: the `raft` crate's RawNode without threads, clock, files or randomness of its
// own. C++ uses it through raft_core.h only.
//
// Conventions
// - A handle belongs to the caller, is used by one thread at a time and ends with hp_raft_destroy.
// - Memory crosses the boundary by borrowing, never by handing over. What a caller passes in is copied before the call
//   returns. What a call gives out (hp_raft_ready and the like) stays valid until the next call with the same handle.
// - Every call that can fail returns a code (HP_RAFT_OK is 0) and fills `error`, which may be null. Texts are UTF-8, cut
//   to fit, and end with a zero.
// - A panic inside is caught at the boundary and comes back as HP_RAFT_PANIC. Its handle answers HP_RAFT_DEAD from then
//   on: the state behind it can't be trusted.
// - The callbacks of hp_raft_log run on the calling thread, inside a call; they must not call back into the same
//   handle and must not throw.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HP_RAFT_ABI_VERSION 1u

enum {
  HP_RAFT_OK = 0,
  HP_RAFT_PANIC = 1,             // the core hit a broken invariant or a failing log
  HP_RAFT_DEAD = 2,              // a call after HP_RAFT_PANIC
  HP_RAFT_INVALID_ARGUMENT = 3,
  HP_RAFT_BAD_MESSAGE = 4,       // bytes that are no message, or one that must not come from a peer
  HP_RAFT_NOT_LEADER = 5,
  HP_RAFT_DROPPED = 6,           // not now: the leader is handing over, or new in its term
  HP_RAFT_UNKNOWN_PEER = 7,      // an answer from a node outside the configuration
  HP_RAFT_BUSY = 8,              // between hp_raft_take_ready and hp_raft_advance
  HP_RAFT_CONF_CHANGE = 9,       // a change that can't be made
  HP_RAFT_CONF_CHANGE_PENDING = 10,
  HP_RAFT_TOO_MUCH = 11,         // max_uncommitted_size is reached
  // What a callback of hp_raft_log may return besides HP_RAFT_OK.
  HP_RAFT_LOG_COMPACTED = 20,    // below the log's first entry
  HP_RAFT_LOG_UNAVAILABLE = 21,  // above the last entry; of a snapshot: none yet, ask again
  HP_RAFT_LOG_FAILED = 22,       // can't be read: the call ends with HP_RAFT_PANIC
};

// Entry kinds, roles and progress states.
enum { HP_RAFT_NORMAL = 0, HP_RAFT_CONF_CHANGE_ENTRY = 1 };
enum { HP_RAFT_FOLLOWER = 0, HP_RAFT_PRE_CANDIDATE = 1, HP_RAFT_CANDIDATE = 2, HP_RAFT_LEADER = 3, HP_RAFT_LEARNER = 4 };
enum { HP_RAFT_PROBE = 0, HP_RAFT_REPLICATE = 1, HP_RAFT_SNAPSHOT = 2 };
enum { HP_RAFT_ADD_VOTER = 0, HP_RAFT_REMOVE = 1, HP_RAFT_ADD_LEARNER = 2 };
// Message types are eraftpb's numbers.
// Levels of hp_raft_log.log: 0 error, 1 warning, 2 information.

typedef struct hp_raft hp_raft;

typedef struct {
  int32_t code;
  char text[508];
} hp_raft_error;

typedef struct {
  const uint8_t* data;  // may be null when size is 0
  size_t size;
} hp_raft_bytes;

typedef struct {
  const uint64_t* data;
  size_t size;
} hp_raft_ids;

typedef struct {
  uint64_t index;
  uint64_t term;
  uint32_t kind;
  hp_raft_bytes data;
  hp_raft_bytes context;
} hp_raft_entry;

typedef struct {
  uint64_t term;
  uint64_t vote;
  uint64_t commit;
} hp_raft_hard_state;

typedef struct {
  hp_raft_ids voters;
  hp_raft_ids learners;
  hp_raft_ids voters_outgoing;
  hp_raft_ids learners_next;
  uint8_t auto_leave;
} hp_raft_conf_state;

typedef struct {
  uint64_t index;
  uint64_t term;
  hp_raft_conf_state conf_state;
} hp_raft_snapshot_meta;

typedef struct {
  uint64_t to;
  uint32_t type;
  uint64_t snapshot_index;  // 0 unless the type is a snapshot
  hp_raft_bytes bytes;      // a serialised eraftpb.Message
} hp_raft_message;

typedef struct {
  uint64_t index;
  hp_raft_bytes context;
} hp_raft_read_state;

// Where a callback puts its answer; only during that callback. The memory behind the argument is the callee's and is
// copied before the function returns.
typedef void (*hp_raft_emit_entry)(void* sink, const hp_raft_entry* entry);
typedef void (*hp_raft_emit_snapshot)(void* sink, const hp_raft_snapshot_meta* meta);

// The log, which stays the caller's: raft's Storage.
typedef struct {
  void* context;
  uint64_t (*first_index)(void* context);
  uint64_t (*last_index)(void* context);
  int32_t (*term)(void* context, uint64_t index, uint64_t* term);
  // Entries of [low, high) in order: at least one if there is any, then while their data fits `max_bytes`.
  int32_t (*entries)(void* context, uint64_t low, uint64_t high, uint64_t max_bytes, void* sink,
                     hp_raft_emit_entry emit);
  // The newest snapshot, its index at least `request_index`.
  int32_t (*snapshot)(void* context, uint64_t request_index, void* sink, hp_raft_emit_snapshot emit);
  // Raft's own log lines; may be null.
  void (*log)(void* context, uint32_t level, hp_raft_bytes text);
} hp_raft_log;

typedef struct {
  uint64_t id;  // not 0
  uint64_t election_ticks;
  uint64_t heartbeat_ticks;
  uint64_t max_size_per_message;  // bytes of entries
  uint64_t max_inflight;          // messages
  uint64_t max_uncommitted_size;  // bytes of entries
  uint64_t max_committed_size_per_ready;
  uint64_t applied;
  uint64_t seed;  // of the election timeouts
  uint8_t pre_vote;
  uint8_t check_quorum;
} hp_raft_options;

typedef struct {
  uint8_t must_sync;
  uint8_t has_hard_state;
  uint8_t has_snapshot;
  uint8_t has_soft_state;
  uint8_t take_snapshot;  // a member needs a newer snapshot than hp_raft_log.snapshot has
  hp_raft_hard_state hard_state;
  hp_raft_snapshot_meta snapshot;
  uint64_t leader;
  uint32_t role;
  const hp_raft_entry* entries;
  size_t entry_count;
  const hp_raft_message* messages;
  size_t message_count;
  const hp_raft_message* persisted_messages;
  size_t persisted_message_count;
  const hp_raft_entry* committed;
  size_t committed_count;
  const hp_raft_read_state* read_states;
  size_t read_state_count;
} hp_raft_ready;

typedef struct {
  uint8_t has_commit;
  uint64_t commit;
  const hp_raft_message* messages;
  size_t message_count;
  const hp_raft_entry* committed;
  size_t committed_count;
} hp_raft_light_ready;

typedef struct {
  uint64_t id;
  uint64_t match;
  uint64_t next;
  uint64_t pending_snapshot;
  uint32_t state;
  uint8_t recent_active;
  uint8_t learner;
} hp_raft_progress;

typedef struct {
  uint64_t term;
  uint64_t vote;
  uint64_t leader;
  uint64_t commit;
  uint64_t applied;
  uint64_t last_index;
  uint64_t transferee;  // 0 when leadership is not being handed over
  uint32_t role;
  uint8_t commit_in_term;  // the leader has committed an entry of its own term
  hp_raft_conf_state conf_state;
  const hp_raft_progress* progress;  // of a leader, by id
  size_t progress_count;
} hp_raft_status;

typedef struct {
  uint32_t type;
  uint64_t from;
  uint64_t to;
  uint64_t term;
  uint64_t snapshot_index;
  uint64_t snapshot_term;
} hp_raft_message_header;

typedef struct {
  uint32_t type;  // HP_RAFT_ADD_VOTER, ...
  uint64_t node;
} hp_raft_conf_change;

uint32_t hp_raft_abi_version(void);

// `log` is copied; what its context points to must outlive the handle.
int32_t hp_raft_create(const hp_raft_options* options, const hp_raft_hard_state* hard_state,
                       const hp_raft_conf_state* conf_state, const hp_raft_log* log, hp_raft** handle,
                       hp_raft_error* error);
void hp_raft_destroy(hp_raft* handle);

int32_t hp_raft_tick(hp_raft* handle, hp_raft_error* error);
int32_t hp_raft_step(hp_raft* handle, hp_raft_bytes message, hp_raft_error* error);
int32_t hp_raft_propose(hp_raft* handle, hp_raft_bytes data, hp_raft_bytes context, uint64_t* index, uint64_t* term,
                        hp_raft_error* error);
int32_t hp_raft_propose_conf_change(hp_raft* handle, const hp_raft_conf_change* changes, size_t count,
                                    hp_raft_bytes context, uint64_t* index, uint64_t* term, hp_raft_error* error);
// `data` is that of a committed entry of kind HP_RAFT_CONF_CHANGE_ENTRY.
int32_t hp_raft_apply_conf_change(hp_raft* handle, hp_raft_bytes data, hp_raft_conf_state* conf_state,
                                  hp_raft_error* error);
int32_t hp_raft_read_index(hp_raft* handle, hp_raft_bytes context, hp_raft_error* error);
int32_t hp_raft_campaign(hp_raft* handle, hp_raft_error* error);
int32_t hp_raft_transfer_leader(hp_raft* handle, uint64_t to, hp_raft_error* error);
int32_t hp_raft_report_unreachable(hp_raft* handle, uint64_t id, hp_raft_error* error);
int32_t hp_raft_report_snapshot(hp_raft* handle, uint64_t id, uint8_t ok, hp_raft_error* error);
int32_t hp_raft_ping(hp_raft* handle, hp_raft_error* error);

int32_t hp_raft_has_ready(hp_raft* handle, uint8_t* has_ready, hp_raft_error* error);
int32_t hp_raft_take_ready(hp_raft* handle, hp_raft_ready* ready, hp_raft_error* error);
int32_t hp_raft_advance(hp_raft* handle, hp_raft_light_ready* ready, hp_raft_error* error);
int32_t hp_raft_advance_apply(hp_raft* handle, uint64_t index, hp_raft_error* error);

int32_t hp_raft_get_status(hp_raft* handle, hp_raft_status* status, hp_raft_error* error);

// Reads the envelope of a message; needs no handle.
int32_t hp_raft_parse_header(hp_raft_bytes message, hp_raft_message_header* header, hp_raft_error* error);

#ifdef __cplusplus
}
#endif

//! The types of headpond_raft.h, field by field.

use std::ffi::{c_char, c_void};

pub const ABI_VERSION: u32 = 1;

pub const OK: i32 = 0;
pub const PANIC: i32 = 1;
pub const DEAD: i32 = 2;
pub const INVALID_ARGUMENT: i32 = 3;
pub const BAD_MESSAGE: i32 = 4;
pub const NOT_LEADER: i32 = 5;
pub const DROPPED: i32 = 6;
pub const UNKNOWN_PEER: i32 = 7;
pub const BUSY: i32 = 8;
pub const CONF_CHANGE: i32 = 9;
pub const CONF_CHANGE_PENDING: i32 = 10;
pub const TOO_MUCH: i32 = 11;
pub const LOG_COMPACTED: i32 = 20;
pub const LOG_UNAVAILABLE: i32 = 21;

pub const NORMAL: u32 = 0;
pub const CONF_CHANGE_ENTRY: u32 = 1;

pub const FOLLOWER: u32 = 0;
pub const PRE_CANDIDATE: u32 = 1;
pub const CANDIDATE: u32 = 2;
pub const LEADER: u32 = 3;
pub const LEARNER: u32 = 4;

pub const PROBE: u32 = 0;
pub const REPLICATE: u32 = 1;
pub const SNAPSHOT: u32 = 2;

pub const ADD_VOTER: u32 = 0;
pub const REMOVE: u32 = 1;
pub const ADD_LEARNER: u32 = 2;

pub const TEXT_SIZE: usize = 508;

#[repr(C)]
pub struct ErrorOut {
    pub code: i32,
    pub text: [c_char; TEXT_SIZE],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    pub data: *const u8,
    pub size: usize,
}

impl Bytes {
    pub fn of(slice: &[u8]) -> Bytes {
        Bytes { data: slice.as_ptr(), size: slice.len() }
    }

    /// # Safety
    /// `data` must point to `size` bytes that outlive the slice, unless `size` is 0.
    pub unsafe fn slice<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        std::slice::from_raw_parts(self.data, self.size)
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Ids {
    pub data: *const u64,
    pub size: usize,
}

impl Ids {
    pub fn of(slice: &[u64]) -> Ids {
        Ids { data: slice.as_ptr(), size: slice.len() }
    }

    /// # Safety
    /// As `Bytes::slice`.
    pub unsafe fn to_vec(self) -> Vec<u64> {
        if self.size == 0 {
            return Vec::new();
        }
        std::slice::from_raw_parts(self.data, self.size).to_vec()
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EntryView {
    pub index: u64,
    pub term: u64,
    pub kind: u32,
    pub data: Bytes,
    pub context: Bytes,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct HardStateView {
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ConfStateView {
    pub voters: Ids,
    pub learners: Ids,
    pub voters_outgoing: Ids,
    pub learners_next: Ids,
    pub auto_leave: u8,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SnapshotMetaView {
    pub index: u64,
    pub term: u64,
    pub conf_state: ConfStateView,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct MessageView {
    pub to: u64,
    pub kind: u32,
    pub snapshot_index: u64,
    pub bytes: Bytes,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ReadStateView {
    pub index: u64,
    pub context: Bytes,
}

pub type EmitEntry = extern "C" fn(*mut c_void, *const EntryView);
pub type EmitSnapshot = extern "C" fn(*mut c_void, *const SnapshotMetaView);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct LogCallbacks {
    pub context: *mut c_void,
    pub first_index: extern "C" fn(*mut c_void) -> u64,
    pub last_index: extern "C" fn(*mut c_void) -> u64,
    pub term: extern "C" fn(*mut c_void, u64, *mut u64) -> i32,
    pub entries: extern "C" fn(*mut c_void, u64, u64, u64, *mut c_void, EmitEntry) -> i32,
    pub snapshot: extern "C" fn(*mut c_void, u64, *mut c_void, EmitSnapshot) -> i32,
    pub log: Option<extern "C" fn(*mut c_void, u32, Bytes)>,
}

#[repr(C)]
pub struct Options {
    pub id: u64,
    pub election_ticks: u64,
    pub heartbeat_ticks: u64,
    pub max_size_per_message: u64,
    pub max_inflight: u64,
    pub max_uncommitted_size: u64,
    pub max_committed_size_per_ready: u64,
    pub applied: u64,
    pub seed: u64,
    pub pre_vote: u8,
    pub check_quorum: u8,
}

#[repr(C)]
pub struct ReadyView {
    pub must_sync: u8,
    pub has_hard_state: u8,
    pub has_snapshot: u8,
    pub has_soft_state: u8,
    pub take_snapshot: u8,
    pub hard_state: HardStateView,
    pub snapshot: SnapshotMetaView,
    pub leader: u64,
    pub role: u32,
    pub entries: *const EntryView,
    pub entry_count: usize,
    pub messages: *const MessageView,
    pub message_count: usize,
    pub persisted_messages: *const MessageView,
    pub persisted_message_count: usize,
    pub committed: *const EntryView,
    pub committed_count: usize,
    pub read_states: *const ReadStateView,
    pub read_state_count: usize,
}

#[repr(C)]
pub struct LightReadyView {
    pub has_commit: u8,
    pub commit: u64,
    pub messages: *const MessageView,
    pub message_count: usize,
    pub committed: *const EntryView,
    pub committed_count: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ProgressView {
    pub id: u64,
    pub matched: u64,
    pub next: u64,
    pub pending_snapshot: u64,
    pub state: u32,
    pub recent_active: u8,
    pub learner: u8,
}

#[repr(C)]
pub struct StatusView {
    pub term: u64,
    pub vote: u64,
    pub leader: u64,
    pub commit: u64,
    pub applied: u64,
    pub last_index: u64,
    pub transferee: u64,
    pub role: u32,
    pub commit_in_term: u8,
    pub conf_state: ConfStateView,
    pub progress: *const ProgressView,
    pub progress_count: usize,
}

#[repr(C)]
pub struct MessageHeaderView {
    pub kind: u32,
    pub from: u64,
    pub to: u64,
    pub term: u64,
    pub snapshot_index: u64,
    pub snapshot_term: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ConfChangeView {
    pub kind: u32,
    pub node: u64,
}

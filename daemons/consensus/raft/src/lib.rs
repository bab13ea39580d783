//! The `raft` crate behind a small C ABI. `headpond_raft.h` is the contract; `ffi` holds its functions.
//!
//! Nothing here starts a thread, reads a clock or touches a file. The log is the caller's, reached through callbacks
//! (`storage`); randomness comes from the seed in the options (`timeouts`), so that a run can be replayed.

mod abi;
mod convert;
mod core;
mod ffi;
mod guard;
mod logging;
mod storage;
mod timeouts;
mod wire;

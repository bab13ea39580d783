//! The functions of headpond_raft.h. Each checks its handle, converts, calls `Core` and catches what went wrong.
//!
//! Safety of all of them: the pointers are as headpond_raft.h says.

use raft::RaftState;

use crate::abi::{
    self, Bytes, ConfChangeView, ConfStateView, ErrorOut, HardStateView, LightReadyView, LogCallbacks,
    MessageHeaderView, Options, ReadyView, StatusView,
};
use crate::convert;
use crate::core::Core;
use crate::guard::{self, Failure, Outcome};
use crate::wire;

fn with(handle: *mut Core, error: *mut ErrorOut, body: impl FnOnce(&mut Core) -> Outcome) -> i32 {
    // Safety: a handle is used by one thread at a time and is not destroyed meanwhile.
    let Some(core) = (unsafe { handle.as_mut() }) else {
        return guard::run(error, || Err(Failure::new(abi::INVALID_ARGUMENT, "no handle")));
    };
    if core.dead {
        return guard::run(error, || Err(Failure::new(abi::DEAD, "the core has stopped after an earlier failure")));
    }
    let code = guard::run(error, || body(core));
    core.dead = code == abi::PANIC;
    code
}

#[no_mangle]
pub extern "C" fn hp_raft_abi_version() -> u32 {
    abi::ABI_VERSION
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_create(
    options: *const Options,
    hard_state: *const HardStateView,
    conf_state: *const ConfStateView,
    log: *const LogCallbacks,
    handle: *mut *mut Core,
    error: *mut ErrorOut,
) -> i32 {
    guard::run(error, || {
        let state =
            RaftState::new(convert::hard_state_from(&*hard_state), convert::conf_state_from(&*conf_state));
        *handle = Box::into_raw(Box::new(Core::create(&*options, state, &*log)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_destroy(handle: *mut Core) {
    if !handle.is_null() {
        guard::run(std::ptr::null_mut(), || {
            drop(Box::from_raw(handle));
            Ok(())
        });
    }
}

#[no_mangle]
pub extern "C" fn hp_raft_tick(handle: *mut Core, error: *mut ErrorOut) -> i32 {
    with(handle, error, Core::tick)
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_step(handle: *mut Core, message: Bytes, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| core.step(message.slice()))
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_propose(
    handle: *mut Core,
    data: Bytes,
    context: Bytes,
    index: *mut u64,
    term: *mut u64,
    error: *mut ErrorOut,
) -> i32 {
    with(handle, error, |core| {
        let place = core.propose(data.slice(), context.slice())?;
        *index = place.index;
        *term = place.term;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_propose_conf_change(
    handle: *mut Core,
    changes: *const ConfChangeView,
    count: usize,
    context: Bytes,
    index: *mut u64,
    term: *mut u64,
    error: *mut ErrorOut,
) -> i32 {
    with(handle, error, |core| {
        let changes = if count == 0 { &[] } else { std::slice::from_raw_parts(changes, count) };
        let place = core.propose_conf_change(changes, context.slice())?;
        *index = place.index;
        *term = place.term;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_apply_conf_change(
    handle: *mut Core,
    data: Bytes,
    conf_state: *mut ConfStateView,
    error: *mut ErrorOut,
) -> i32 {
    with(handle, error, |core| {
        *conf_state = core.apply_conf_change(data.slice())?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_read_index(handle: *mut Core, context: Bytes, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| core.read_index(context.slice()))
}

#[no_mangle]
pub extern "C" fn hp_raft_campaign(handle: *mut Core, error: *mut ErrorOut) -> i32 {
    with(handle, error, Core::campaign)
}

#[no_mangle]
pub extern "C" fn hp_raft_transfer_leader(handle: *mut Core, to: u64, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| core.transfer_leader(to))
}

#[no_mangle]
pub extern "C" fn hp_raft_report_unreachable(handle: *mut Core, id: u64, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| core.report_unreachable(id))
}

#[no_mangle]
pub extern "C" fn hp_raft_report_snapshot(handle: *mut Core, id: u64, ok: u8, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| core.report_snapshot(id, ok != 0))
}

#[no_mangle]
pub extern "C" fn hp_raft_ping(handle: *mut Core, error: *mut ErrorOut) -> i32 {
    with(handle, error, Core::ping)
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_has_ready(handle: *mut Core, has_ready: *mut u8, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| {
        *has_ready = core.has_ready().into();
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_take_ready(handle: *mut Core, ready: *mut ReadyView, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| {
        ready.write(core.take_ready()?);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_advance(handle: *mut Core, ready: *mut LightReadyView, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| {
        ready.write(core.advance()?);
        Ok(())
    })
}

#[no_mangle]
pub extern "C" fn hp_raft_advance_apply(handle: *mut Core, index: u64, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| core.advance_apply(index))
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_get_status(handle: *mut Core, status: *mut StatusView, error: *mut ErrorOut) -> i32 {
    with(handle, error, |core| {
        status.write(core.status());
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn hp_raft_parse_header(
    message: Bytes,
    header: *mut MessageHeaderView,
    error: *mut ErrorOut,
) -> i32 {
    guard::run(error, || {
        let message = wire::parse(message.slice())?;
        let snapshot = message.get_snapshot().get_metadata();
        header.write(MessageHeaderView {
            kind: message.get_msg_type() as u32,
            from: message.from,
            to: message.to,
            term: message.term,
            snapshot_index: snapshot.index,
            snapshot_term: snapshot.term,
        });
        Ok(())
    })
}

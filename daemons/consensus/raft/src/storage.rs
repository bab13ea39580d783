//! raft's `Storage` over the caller's callbacks: the log is not kept here.

use std::cell::Cell;
use std::ffi::c_void;

use raft::eraftpb::{Entry, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};

use crate::abi::{self, EntryView, LogCallbacks, SnapshotMetaView};
use crate::convert;

pub struct CallbackStorage {
    pub callbacks: LogCallbacks,
    pub initial: RaftState,
    /// A member was added after the newest snapshot was taken, and needs one.
    pub snapshot_wanted: Cell<bool>,
}

extern "C" fn take_entry(sink: *mut c_void, entry: *const EntryView) {
    // Safety: `sink` is the vector that `entries` below passed, `entry` is valid during this call.
    unsafe { (*sink.cast::<Vec<Entry>>()).push(convert::entry_from(&*entry)) }
}

extern "C" fn take_snapshot(sink: *mut c_void, meta: *const SnapshotMetaView) {
    // Safety: as take_entry.
    unsafe { *sink.cast::<Option<Snapshot>>() = Some(convert::snapshot_from(&*meta)) }
}

fn check(code: i32, what: &str) -> Result<()> {
    match code {
        abi::OK => Ok(()),
        abi::LOG_COMPACTED => Err(Error::Store(StorageError::Compacted)),
        abi::LOG_UNAVAILABLE => Err(Error::Store(StorageError::Unavailable)),
        _ => Err(Error::Store(StorageError::Other(format!("the log can't be read: {what}").into()))),
    }
}

fn has_member(snapshot: &Snapshot, id: u64) -> bool {
    let state = snapshot.get_metadata().get_conf_state();
    [&state.voters, &state.learners, &state.voters_outgoing].iter().any(|ids| ids.contains(&id))
}

impl Storage for CallbackStorage {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(self.initial.clone())
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let limit = max_size.into().unwrap_or(u64::MAX);
        let sink = (&mut entries as *mut Vec<Entry>).cast();
        let code = (self.callbacks.entries)(self.callbacks.context, low, high, limit, sink, take_entry);
        check(code, "entries")?;
        let in_order = entries.iter().zip(low..high).all(|(entry, index)| entry.index == index);
        if entries.is_empty() || !in_order || entries.len() as u64 > high - low {
            return Err(Error::Store(StorageError::Other(
                format!("the log gave other entries than [{low}, {high})").into(),
            )));
        }
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        let mut term = 0;
        check((self.callbacks.term)(self.callbacks.context, index, &mut term), "term")?;
        Ok(term)
    }

    fn first_index(&self) -> Result<u64> {
        Ok((self.callbacks.first_index)(self.callbacks.context))
    }

    fn last_index(&self) -> Result<u64> {
        Ok((self.callbacks.last_index)(self.callbacks.context))
    }

    fn snapshot(&self, request_index: u64, to: u64) -> Result<Snapshot> {
        let mut snapshot: Option<Snapshot> = None;
        let sink = (&mut snapshot as *mut Option<Snapshot>).cast();
        let code = (self.callbacks.snapshot)(self.callbacks.context, request_index, sink, take_snapshot);
        match code {
            abi::OK | abi::LOG_UNAVAILABLE => {}
            other => check(other, "snapshot")?,
        }
        // A node ignores a snapshot whose configuration it is not in.
        let fits = |s: &Snapshot| s.get_metadata().index >= request_index && has_member(s, to);
        match snapshot {
            Some(snapshot) if code == abi::OK && fits(&snapshot) => Ok(snapshot),
            _ => {
                self.snapshot_wanted.set(true);
                Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
            }
        }
    }
}

//! Between the crate's types and those of the ABI.

use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Message, Snapshot};

use crate::abi::{self, ConfStateView, EntryView, HardStateView, Ids, MessageView, SnapshotMetaView};
use crate::guard::Failure;

/// # Safety
/// The pointers of the view must be valid; they are copied.
pub unsafe fn entry_from(view: &EntryView) -> Entry {
    Entry {
        entry_type: if view.kind == abi::CONF_CHANGE_ENTRY {
            EntryType::EntryConfChangeV2
        } else {
            EntryType::EntryNormal
        },
        index: view.index,
        term: view.term,
        data: Bytes::copy_from_slice(view.data.slice()),
        context: Bytes::copy_from_slice(view.context.slice()),
        ..Default::default()
    }
}

/// # Safety
/// As entry_from.
pub unsafe fn conf_state_from(view: &ConfStateView) -> ConfState {
    ConfState {
        voters: view.voters.to_vec(),
        learners: view.learners.to_vec(),
        voters_outgoing: view.voters_outgoing.to_vec(),
        learners_next: view.learners_next.to_vec(),
        auto_leave: view.auto_leave != 0,
        ..Default::default()
    }
}

/// # Safety
/// As entry_from.
pub unsafe fn snapshot_from(view: &SnapshotMetaView) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let meta = snapshot.mut_metadata();
    meta.index = view.index;
    meta.term = view.term;
    meta.set_conf_state(conf_state_from(&view.conf_state));
    snapshot
}

pub fn hard_state_from(view: &HardStateView) -> HardState {
    HardState { term: view.term, vote: view.vote, commit: view.commit, ..Default::default() }
}

pub fn view_hard_state(state: &HardState) -> HardStateView {
    HardStateView { term: state.term, vote: state.vote, commit: state.commit }
}

/// The view borrows from `state`. Ids are sorted first: the crate keeps them in hash sets.
pub fn view_conf_state(state: &mut ConfState) -> ConfStateView {
    state.voters.sort_unstable();
    state.learners.sort_unstable();
    state.voters_outgoing.sort_unstable();
    state.learners_next.sort_unstable();
    ConfStateView {
        voters: Ids::of(&state.voters),
        learners: Ids::of(&state.learners),
        voters_outgoing: Ids::of(&state.voters_outgoing),
        learners_next: Ids::of(&state.learners_next),
        auto_leave: state.auto_leave.into(),
    }
}

pub fn view_entries(entries: &[Entry]) -> Vec<EntryView> {
    entries
        .iter()
        .map(|entry| EntryView {
            index: entry.index,
            term: entry.term,
            kind: match entry.get_entry_type() {
                EntryType::EntryNormal => abi::NORMAL,
                _ => abi::CONF_CHANGE_ENTRY,
            },
            data: abi::Bytes::of(&entry.data),
            context: abi::Bytes::of(&entry.context),
        })
        .collect()
}

/// Serialises each message; the views borrow from `buffers`, whose content does not move when the vector does.
pub fn view_messages(messages: &[Message], buffers: &mut Vec<Vec<u8>>) -> Result<Vec<MessageView>, Failure> {
    let mut views = Vec::with_capacity(messages.len());
    for message in messages {
        let bytes = message
            .write_to_bytes()
            .map_err(|error| Failure::new(abi::BAD_MESSAGE, format!("can't serialise: {error}")))?;
        views.push(MessageView {
            to: message.to,
            kind: message.get_msg_type() as u32,
            snapshot_index: message.get_snapshot().get_metadata().index,
            bytes: abi::Bytes::of(&bytes),
        });
        buffers.push(bytes);
    }
    Ok(views)
}

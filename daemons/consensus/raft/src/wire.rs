//! Messages from the wire.

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use crate::abi;
use crate::guard::Failure;

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The message fields that hold messages, by level: Message.entries and .snapshot, Snapshot.metadata,
/// SnapshotMetadata.conf_state.
const NESTED: [&[u64]; 4] = [&[7, 9], &[2], &[1], &[]];

/// Whether the fields of the message and of those inside it are well-formed and hold no groups.
///
/// rust-protobuf 2 skips unknown groups by recursion without a limit (RUSTSEC-2024-0437): a few megabytes of nested
/// groups would end the process. eraftpb has none, so they are refused before it sees them.
fn has_no_groups(bytes: &[u8], level: usize) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        let Some(tag) = varint(bytes, &mut at) else { return false };
        let skipped = match tag & 7 {
            0 => varint(bytes, &mut at).is_some(),
            1 => advance(bytes, &mut at, 8),
            5 => advance(bytes, &mut at, 4),
            2 => {
                let Some(size) = varint(bytes, &mut at) else { return false };
                let start = at;
                let fits = usize::try_from(size).is_ok_and(|size| advance(bytes, &mut at, size));
                let nested = NESTED.get(level).is_some_and(|fields| fields.contains(&(tag >> 3)));
                fits && (!nested || has_no_groups(&bytes[start..at], level + 1))
            }
            _ => false,
        };
        if !skipped {
            return false;
        }
    }
    true
}

fn advance(bytes: &[u8], at: &mut usize, count: usize) -> bool {
    match at.checked_add(count) {
        Some(end) if end <= bytes.len() => {
            *at = end;
            true
        }
        _ => false,
    }
}

pub fn parse(bytes: &[u8]) -> Result<Message, Failure> {
    if !has_no_groups(bytes, 0) {
        return Err(Failure::new(abi::BAD_MESSAGE, "not a raft message"));
    }
    let mut message = Message::default();
    message
        .merge_from_bytes(bytes)
        .map_err(|error| Failure::new(abi::BAD_MESSAGE, format!("not a raft message: {error}")))?;
    Ok(message)
}

/// What a peer may send. Proposals and hand-overs are made at the leader only, never forwarded: the one who proposes
/// then knows the index, and `from` is always the sender.
pub fn check_from_peer(message: &Message, id: u64) -> Result<(), Failure> {
    let kind = message.get_msg_type();
    let forwarded = matches!(kind, MessageType::MsgPropose | MessageType::MsgTransferLeader);
    if raft::raw_node::is_local_msg(kind) || forwarded {
        return Err(Failure::new(abi::BAD_MESSAGE, format!("{kind:?} does not come from a peer")));
    }
    if message.to != id {
        return Err(Failure::new(
            abi::BAD_MESSAGE,
            format!("a message for node {} reached node {id}", message.to),
        ));
    }
    if message.from == 0 || message.from == id {
        return Err(Failure::new(abi::BAD_MESSAGE, format!("a message from node {}", message.from)));
    }
    // The crate takes term 0 for a local call; its own messages carry a term, but for a forwarded read.
    if message.term == 0 && kind != MessageType::MsgReadIndex {
        return Err(Failure::new(abi::BAD_MESSAGE, format!("{kind:?} without a term")));
    }
    if kind == MessageType::MsgReadIndex && message.get_entries().is_empty() {
        return Err(Failure::new(abi::BAD_MESSAGE, "a read without a context"));
    }
    let mut expected = message.index;
    for entry in message.get_entries() {
        expected = expected.wrapping_add(1);
        if kind == MessageType::MsgAppend && entry.index != expected {
            return Err(Failure::new(abi::BAD_MESSAGE, "entries are not consecutive"));
        }
    }
    Ok(())
}

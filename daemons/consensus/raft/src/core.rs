//! What a handle holds: the node, its timeouts and the memory behind what was given out last.

use std::cell::Cell;

use raft::eraftpb::{
    ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState, Entry, Message, MessageType,
};
use raft::{Changer, Config, ProgressState, RaftState, RawNode, Ready, SnapshotStatus, StateRole};

use protobuf::Message as _;

use crate::abi::{
    self, ConfChangeView, ConfStateView, EntryView, LightReadyView, LogCallbacks, MessageView, Options, ProgressView,
    ReadStateView, ReadyView, SnapshotMetaView, StatusView,
};
use crate::convert;
use crate::guard::{Failure, Outcome};
use crate::logging;
use crate::storage::CallbackStorage;
use crate::timeouts::Timeouts;
use crate::wire;

/// The memory that views point into, replaced by the next call.
#[derive(Default)]
struct Given {
    entries: Vec<Entry>,
    committed: Vec<Entry>,
    read_states: Vec<raft::ReadState>,
    buffers: Vec<Vec<u8>>,
    conf_state: ConfState,
    entry_views: Vec<EntryView>,
    committed_views: Vec<EntryView>,
    message_views: Vec<MessageView>,
    persisted_views: Vec<MessageView>,
    read_views: Vec<ReadStateView>,
    progress_views: Vec<ProgressView>,
}

pub struct Core {
    node: RawNode<CallbackStorage>,
    timeouts: Timeouts,
    pending: Option<Ready>,
    given: Given,
    pub dead: bool,
}

/// Where a proposal went.
pub struct Place {
    pub index: u64,
    pub term: u64,
}

/// The state as the log has it: what was cut or applied was committed, so a commit index that was stored later than a
/// snapshot is raised. Anything else that does not fit is refused here, because the crate would panic.
fn check_state(state: &mut RaftState, applied: u64, log: &LogCallbacks) -> Outcome {
    let first = (log.first_index)(log.context);
    let last = (log.last_index)(log.context);
    if first == 0 || last + 1 < first {
        return Err(Failure::new(abi::INVALID_ARGUMENT, format!("a log from {first} to {last}")));
    }
    if !state.conf_state.voters.is_empty() && last == 0 {
        return Err(Failure::new(
            abi::INVALID_ARGUMENT,
            "a configuration needs a snapshot that carries it, at index 1 or above",
        ));
    }
    let hard_state = &mut state.hard_state;
    hard_state.commit = hard_state.commit.max(first - 1).max(applied);
    if hard_state.commit > last {
        return Err(Failure::new(
            abi::INVALID_ARGUMENT,
            format!("entries are missing: {} were committed and the log ends at {last}", hard_state.commit),
        ));
    }
    if applied != 0 && applied < first - 1 {
        return Err(Failure::new(
            abi::INVALID_ARGUMENT,
            format!("entries are missing: {applied} is applied and the log begins at {first}"),
        ));
    }
    Ok(())
}

impl Core {
    pub fn create(options: &Options, mut state: RaftState, log: &LogCallbacks) -> Result<Core, Failure> {
        check_state(&mut state, options.applied, log)?;
        let config = Config {
            id: options.id,
            election_tick: options.election_ticks as usize,
            heartbeat_tick: options.heartbeat_ticks as usize,
            applied: options.applied,
            max_size_per_msg: options.max_size_per_message,
            max_inflight_msgs: options.max_inflight as usize,
            max_uncommitted_size: options.max_uncommitted_size,
            max_committed_size_per_ready: options.max_committed_size_per_ready,
            check_quorum: options.check_quorum != 0,
            pre_vote: options.pre_vote != 0,
            // Not `batch_append`: it adds entries to an earlier message that has none without a look at that message's
            // index, so they may follow an entry that was never compared (raft_sim_test found it). See merge_appends.
            batch_append: false,
            // Followers learn what is committed with the next entries or the next heartbeat. A message for it alone, and
            // its answer, would double what a change costs them.
            skip_bcast_commit: true,
            ..Default::default()
        };
        config.validate()?;
        let logger = logging::logger(log);
        let storage = CallbackStorage { callbacks: *log, initial: state, snapshot_wanted: Cell::new(false) };
        let mut node = RawNode::new(&config, storage, &logger)?;
        let timeouts = Timeouts::new(options.seed, options.id, options.election_ticks, &mut node);
        Ok(Core { node, timeouts, pending: None, given: Given::default(), dead: false })
    }

    fn change(&mut self, body: impl FnOnce(&mut RawNode<CallbackStorage>) -> Outcome) -> Outcome {
        if self.pending.is_some() {
            return Err(Failure::new(abi::BUSY, "a ready was taken and not advanced"));
        }
        let outcome = body(&mut self.node);
        self.timeouts.settle(&mut self.node, false);
        outcome
    }

    pub fn tick(&mut self) -> Outcome {
        let mut election_started = false;
        self.change(|node| {
            let leader = node.raft.state == StateRole::Leader;
            node.tick();
            election_started = !leader && node.raft.election_elapsed == 0;
            Ok(())
        })?;
        self.timeouts.settle(&mut self.node, election_started);
        Ok(())
    }

    pub fn step(&mut self, bytes: &[u8]) -> Outcome {
        let message = wire::parse(bytes)?;
        wire::check_from_peer(&message, self.node.raft.id)?;
        // A read that was forwarded to a node which leads no longer would be forwarded once more, in the name of the
        // first. It is dropped instead, and asked for again: `from` is always the sender.
        if message.get_msg_type() == MessageType::MsgReadIndex && self.node.raft.state != StateRole::Leader {
            return Ok(());
        }
        self.change(|node| Ok(node.step(message)?))
    }

    pub fn propose(&mut self, data: &[u8], context: &[u8]) -> Result<Place, Failure> {
        self.check_leader()?;
        self.change(|node| {
            let handing_over = node.raft.lead_transferee.is_some();
            node.propose(context.to_vec(), data.to_vec()).map_err(|error| match error {
                raft::Error::ProposalDropped if !handing_over => {
                    Failure::new(abi::TOO_MUCH, "too much is uncommitted")
                }
                other => other.into(),
            })
        })?;
        Ok(self.last_place())
    }

    pub fn propose_conf_change(&mut self, changes: &[ConfChangeView], context: &[u8]) -> Result<Place, Failure> {
        self.check_leader()?;
        let raft = &self.node.raft;
        let refuse = |text: String| Err(Failure::new(abi::CONF_CHANGE, text));
        // The crate would append an empty entry in place of a change it does not want.
        if raft.has_pending_conf() {
            return Err(Failure::new(abi::CONF_CHANGE_PENDING, "an earlier change may not be applied yet"));
        }
        if !raft.prs().conf().to_conf_state().voters_outgoing.is_empty() {
            return Err(Failure::new(abi::CONF_CHANGE_PENDING, "the configuration is still joint"));
        }
        if changes.is_empty() {
            return refuse("no change".into());
        }
        let mut change = ConfChangeV2::default();
        change.set_transition(ConfChangeTransition::Auto);
        for view in changes {
            if view.node == 0 {
                return refuse("0 is no node".into());
            }
            // It would go on leading a cluster that it is not part of.
            if view.node == raft.id && view.kind != abi::ADD_VOTER {
                return refuse("the leader can't remove itself: transfer leadership first".into());
            }
            let mut single = ConfChangeSingle { node_id: view.node, ..Default::default() };
            single.set_change_type(match view.kind {
                abi::ADD_VOTER => ConfChangeType::AddNode,
                abi::REMOVE => ConfChangeType::RemoveNode,
                abi::ADD_LEARNER => ConfChangeType::AddLearnerNode,
                other => return refuse(format!("unknown kind of change {other}")),
            });
            change.changes.push(single);
        }
        // Made here without effect: once committed it must be possible everywhere.
        let mut changer = Changer::new(raft.prs());
        match change.enter_joint() {
            Some(auto_leave) => changer.enter_joint(auto_leave, &change.changes)?,
            None => changer.simple(&change.changes)?,
        };
        self.change(|node| Ok(node.propose_conf_change(context.to_vec(), change)?))?;
        Ok(self.last_place())
    }

    fn check_leader(&self) -> Outcome {
        match self.node.raft.state {
            StateRole::Leader => Ok(()),
            _ => Err(Failure::new(
                abi::NOT_LEADER,
                match self.node.raft.leader_id {
                    0 => "not the leader, and none is known".to_string(),
                    leader => format!("not the leader: that is node {leader}"),
                },
            )),
        }
    }

    fn last_place(&self) -> Place {
        Place { index: self.node.raft.raft_log.last_index(), term: self.node.raft.term }
    }

    pub fn apply_conf_change(&mut self, data: &[u8]) -> Result<ConfStateView, Failure> {
        let mut change = ConfChangeV2::default();
        change
            .merge_from_bytes(data)
            .map_err(|error| Failure::new(abi::BAD_MESSAGE, format!("not a configuration change: {error}")))?;
        let mut conf_state = ConfState::default();
        self.change(|node| {
            conf_state = node.apply_conf_change(&change)?;
            // A leader can come upon its own removal, proposed by the one before it. The crate would lead on, and panic at
            // the next entry (it has no progress of its own left).
            if node.raft.state == StateRole::Leader && !node.raft.promotable() {
                let term = node.raft.term;
                node.raft.become_follower(term, raft::INVALID_ID);
            }
            Ok(())
        })?;
        self.given = Given { conf_state, ..Default::default() };
        Ok(convert::view_conf_state(&mut self.given.conf_state))
    }

    pub fn read_index(&mut self, context: &[u8]) -> Outcome {
        let raft = &self.node.raft;
        // The crate drops such reads silently.
        if raft.leader_id == 0 {
            return Err(Failure::new(abi::NOT_LEADER, "no leader is known"));
        }
        if raft.state == StateRole::Leader && !raft.commit_to_current_term() {
            return Err(Failure::new(abi::DROPPED, "the new leader has not committed an entry of its term yet"));
        }
        self.change(|node| {
            node.read_index(context.to_vec());
            Ok(())
        })
    }

    pub fn campaign(&mut self) -> Outcome {
        self.change(|node| Ok(node.campaign()?))
    }

    pub fn transfer_leader(&mut self, to: u64) -> Outcome {
        self.check_leader()?;
        let conf = self.node.raft.prs().conf().to_conf_state();
        if !conf.voters.contains(&to) {
            return Err(Failure::new(abi::UNKNOWN_PEER, format!("node {to} is no voter")));
        }
        self.change(|node| {
            node.transfer_leader(to);
            Ok(())
        })
    }

    pub fn report_unreachable(&mut self, id: u64) -> Outcome {
        self.change(|node| {
            node.report_unreachable(id);
            Ok(())
        })
    }

    pub fn report_snapshot(&mut self, id: u64, ok: bool) -> Outcome {
        let status = if ok { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.change(|node| {
            node.report_snapshot(id, status);
            Ok(())
        })
    }

    pub fn ping(&mut self) -> Outcome {
        self.change(|node| {
            node.ping();
            Ok(())
        })
    }

    pub fn has_ready(&self) -> bool {
        self.pending.is_none() && (self.node.has_ready() || self.node.store().snapshot_wanted.get())
    }

    pub fn take_ready(&mut self) -> Result<ReadyView, Failure> {
        if self.pending.is_some() {
            return Err(Failure::new(abi::BUSY, "a ready was taken and not advanced"));
        }
        let mut ready = self.node.ready();
        let mut given = Given {
            entries: ready.take_entries(),
            committed: ready.take_committed_entries(),
            read_states: ready.take_read_states(),
            ..Default::default()
        };
        given.entry_views = convert::view_entries(&given.entries);
        given.committed_views = convert::view_entries(&given.committed);
        let messages = self.merge_appends(ready.take_messages());
        given.message_views = convert::view_messages(&messages, &mut given.buffers)?;
        given.persisted_views = convert::view_messages(&ready.take_persisted_messages(), &mut given.buffers)?;
        given.read_views = given
            .read_states
            .iter()
            .map(|read| ReadStateView { index: read.index, context: abi::Bytes::of(&read.request_ctx) })
            .collect();
        let meta = ready.snapshot().get_metadata();
        let (snapshot_index, snapshot_term) = (meta.index, meta.term);
        given.conf_state = meta.get_conf_state().clone();

        self.given = given;
        let given = &mut self.given;
        let view = ReadyView {
            take_snapshot: self.node.store().snapshot_wanted.replace(false).into(),
            must_sync: ready.must_sync().into(),
            has_hard_state: ready.hs().is_some().into(),
            has_snapshot: (snapshot_index != 0).into(),
            has_soft_state: ready.ss().is_some().into(),
            hard_state: ready.hs().map(convert::view_hard_state).unwrap_or_default(),
            snapshot: SnapshotMetaView {
                index: snapshot_index,
                term: snapshot_term,
                conf_state: convert::view_conf_state(&mut given.conf_state),
            },
            leader: self.node.raft.leader_id,
            role: role(&self.node),
            entries: given.entry_views.as_ptr(),
            entry_count: given.entry_views.len(),
            messages: given.message_views.as_ptr(),
            message_count: given.message_views.len(),
            persisted_messages: given.persisted_views.as_ptr(),
            persisted_message_count: given.persisted_views.len(),
            committed: given.committed_views.as_ptr(),
            committed_count: given.committed_views.len(),
            read_states: given.read_views.as_ptr(),
            read_state_count: given.read_views.len(),
        };
        self.pending = Some(ready);
        Ok(view)
    }

    /// Proposals made between two readies travel in one message: an append whose entries go on where the last message to
    /// the same node ended is added to it, which is what the receiver of both would do.
    fn merge_appends(&self, messages: Vec<Message>) -> Vec<Message> {
        let limit = self.node.raft.max_msg_size;
        let mut merged: Vec<Message> = Vec::with_capacity(messages.len());
        // The last message to each node: its place and the size of its entries.
        let mut last: Vec<(u64, usize, u64)> = Vec::new();
        for mut message in messages {
            let size = message.get_entries().iter().map(|entry| entry.data.len() as u64).sum::<u64>();
            let known = last.iter().position(|(to, _, _)| *to == message.to);
            if let Some((_, place, filled)) = known.map(|known| &mut last[known]) {
                let previous = &mut merged[*place];
                if *filled + size <= limit && continues(previous, &message) {
                    previous.commit = previous.commit.max(message.commit);
                    previous.entries.extend(message.take_entries());
                    *filled += size;
                    continue;
                }
                (*place, *filled) = (merged.len(), size);
            } else {
                last.push((message.to, merged.len(), size));
            }
            merged.push(message);
        }
        merged
    }

    pub fn advance(&mut self) -> Result<LightReadyView, Failure> {
        let Some(ready) = self.pending.take() else {
            return Err(Failure::new(abi::INVALID_ARGUMENT, "no ready was taken"));
        };
        let mut light = self.node.advance_append(ready);
        self.timeouts.settle(&mut self.node, false);
        let mut given = Given { committed: light.take_committed_entries(), ..Default::default() };
        given.committed_views = convert::view_entries(&given.committed);
        let messages = self.merge_appends(light.take_messages());
        given.message_views = convert::view_messages(&messages, &mut given.buffers)?;
        self.given = given;
        let given = &self.given;
        Ok(LightReadyView {
            has_commit: light.commit_index().is_some().into(),
            commit: light.commit_index().unwrap_or(0),
            messages: given.message_views.as_ptr(),
            message_count: given.message_views.len(),
            committed: given.committed_views.as_ptr(),
            committed_count: given.committed_views.len(),
        })
    }

    pub fn advance_apply(&mut self, index: u64) -> Outcome {
        let log = &self.node.raft.raft_log;
        let (applied, upper) = (log.applied, log.committed.min(log.persisted));
        if index < applied || index > upper {
            return Err(Failure::new(
                abi::INVALID_ARGUMENT,
                format!("applied index {index} is outside [{applied}, {upper}]"),
            ));
        }
        self.change(|node| {
            node.advance_apply_to(index);
            Ok(())
        })
    }

    pub fn status(&mut self) -> StatusView {
        let raft = &self.node.raft;
        let mut conf_state = raft.prs().conf().to_conf_state();
        conf_state.voters.sort_unstable();
        let mut progress_views: Vec<ProgressView> = Vec::new();
        if raft.state == StateRole::Leader {
            for (&id, progress) in raft.prs().iter() {
                progress_views.push(ProgressView {
                    id,
                    matched: progress.matched,
                    next: progress.next_idx,
                    pending_snapshot: progress.pending_snapshot,
                    state: match progress.state {
                        ProgressState::Probe => abi::PROBE,
                        ProgressState::Replicate => abi::REPLICATE,
                        ProgressState::Snapshot => abi::SNAPSHOT,
                    },
                    // A leader does not hear from itself.
                    recent_active: (progress.recent_active || id == raft.id).into(),
                    learner: conf_state.learners.contains(&id).into(),
                });
            }
            progress_views.sort_unstable_by_key(|progress| progress.id);
        }
        self.given = Given { conf_state, progress_views, ..Default::default() };
        let given = &mut self.given;
        StatusView {
            term: raft.term,
            vote: raft.vote,
            leader: raft.leader_id,
            commit: raft.raft_log.committed,
            applied: raft.raft_log.applied,
            last_index: raft.raft_log.last_index(),
            transferee: raft.lead_transferee.unwrap_or(0),
            role: role(&self.node),
            commit_in_term: (raft.state == StateRole::Leader && raft.commit_to_current_term()).into(),
            conf_state: convert::view_conf_state(&mut given.conf_state),
            progress: given.progress_views.as_ptr(),
            progress_count: given.progress_views.len(),
        }
    }
}

fn continues(previous: &Message, next: &Message) -> bool {
    let appends = [previous, next].iter().all(|m| m.get_msg_type() == MessageType::MsgAppend);
    let Some(last) = previous.get_entries().last() else { return false };
    appends && previous.term == next.term && (last.index, last.term) == (next.index, next.log_term)
}

/// A node outside the voters never campaigns, in a configuration or not: a learner.
fn role(node: &RawNode<CallbackStorage>) -> u32 {
    match node.raft.state {
        StateRole::Leader => abi::LEADER,
        StateRole::Candidate => abi::CANDIDATE,
        StateRole::PreCandidate => abi::PRE_CANDIDATE,
        StateRole::Follower if node.raft.promotable() => abi::FOLLOWER,
        StateRole::Follower => abi::LEARNER,
    }
}

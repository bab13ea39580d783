//! Election timeouts from a seed.
//!
//! The raft crate draws them from the thread's generator whenever it resets its state. Here each call ends with the
//! timeout set to a value of ours, so that what the crate drew is never used: the value is kept while term, role and
//! leader stay the same, and drawn anew when they change or a tick started an election.

use raft::{RawNode, StateRole};

use crate::storage::CallbackStorage;

type Situation = (u64, StateRole, u64);

pub struct Timeouts {
    state: u64,
    min_ticks: usize,
    current: usize,
    situation: Situation,
}

fn situation(node: &RawNode<CallbackStorage>) -> Situation {
    (node.raft.term, node.raft.state, node.raft.leader_id)
}

impl Timeouts {
    pub fn new(seed: u64, id: u64, election_ticks: u64, node: &mut RawNode<CallbackStorage>) -> Timeouts {
        let mut timeouts = Timeouts {
            // Nodes of one simulation may share a seed, but not their timeouts.
            state: seed ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            min_ticks: election_ticks as usize,
            current: 0,
            situation: situation(node),
        };
        timeouts.draw();
        node.raft.set_randomized_election_timeout(timeouts.current);
        timeouts
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [election_ticks, 2 * election_ticks), the crate's default range.
    fn draw(&mut self) {
        self.current = self.min_ticks + (self.next() % self.min_ticks as u64) as usize;
    }

    /// After each call that may have changed the node.
    pub fn settle(&mut self, node: &mut RawNode<CallbackStorage>, election_started: bool) {
        let now = situation(node);
        if election_started || now != self.situation {
            self.situation = now;
            self.draw();
        }
        node.raft.set_randomized_election_timeout(self.current);
    }
}

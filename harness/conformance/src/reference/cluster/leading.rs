//! Leading: the log goes out, a quorum answers, commands are settled, the lease is renewed.

use std::collections::BTreeMap;

use tsoracle_consensus::{
    AdvancePayload, BootInstant, ConsensusError, Epoch, Lease, LeaseHolder, NodeId,
};

use super::Rules;
use super::ballot::Ballot;
use super::call::Reply;
use super::change::Changing;
use super::log::{Command, Log, StoreId};
use super::message::Message;
use super::replica::{Effects, Replica, Role};

/// Rounds older than the last so many are forgotten.
const ROUNDS_KEPT: u64 = 64;

type Settle = Box<dyn FnOnce(Result<u64, ConsensusError>) + Send>;

/// One term of leadership.
pub(super) struct Leadership {
    pub(super) ballot: Ballot,
    /// The index of the command that opened the epoch.
    opening: u64,
    /// The stores that elected it: known before the log that names them is committed.
    electors: BTreeMap<NodeId, StoreId>,
    /// How far each node's log is durable under this ballot.
    pub(super) accepted: BTreeMap<NodeId, u64>,
    /// When each node was heard last.
    pub(super) heard: BTreeMap<NodeId, BootInstant>,
    round: u64,
    pub(super) round_due: BootInstant,
    sent: BTreeMap<u64, BootInstant>,
    /// The newest round that each node has granted.
    granted: BTreeMap<NodeId, u64>,
    holder: Option<LeaseHolder>,
    /// The lease has ended for good, though this term goes on.
    lease_is_over: bool,
    /// Set once `Leader` is shown.
    pub(super) shown: Option<Lease>,
    /// Who waits for the command at an index.
    pub(super) commands: BTreeMap<u64, Vec<Settle>>,
    /// Loads that wait for a round of this number.
    loads: Vec<(u64, Reply<u64>)>,
    pub(super) change: Option<Changing>,
}

impl Leadership {
    /// Ends the term: the lease first, then whoever waits is told.
    pub(super) fn end(self, rules: &Rules, effects: &mut Effects) {
        if let Some(holder) = &self.holder {
            holder.end();
        }
        let not_leader = || ConsensusError::NotLeader { leader: None };
        for settle in self.commands.into_values().flatten() {
            let refusal = match rules.lost_races_are_transient {
                true => ConsensusError::transient("leadership was lost; the value may come yet"),
                false => not_leader(),
            };
            effects.answers.push(Box::new(move || settle(Err(refusal))));
        }
        for (_, reply) in self.loads {
            let answer = move || drop(reply.send(Err(not_leader())));
            effects.answers.push(Box::new(answer));
        }
        if let Some(change) = self.change {
            change.leadership_lost(effects);
        }
    }

    /// Ends the lease for good without ending the term.
    pub(super) fn end_lease(&mut self) {
        self.lease_is_over = true;
        if let Some(holder) = &self.holder {
            holder.end();
        }
    }

    /// Whether the answers of a node count, if they come from the store that the log names: once
    /// that is committed, or if that store has elected this leader.
    pub(super) fn knows(
        &self,
        node: NodeId,
        named: Option<(StoreId, u64)>,
        committed: u64,
    ) -> bool {
        named.is_some_and(|(store, since)| {
            since <= committed || self.electors.get(&node) == Some(&store)
        })
    }

    fn has_lease(&self) -> bool {
        let lease = self.holder.as_ref().map(LeaseHolder::lease);
        !self.lease_is_over && lease.is_some_and(|lease| lease.is_valid())
    }

    /// The index up to which a quorum has the log.
    fn quorum_has(&self, voters: &[NodeId], quorum: usize) -> u64 {
        let accepted = |node: &NodeId| self.accepted.get(node).copied().unwrap_or(0);
        nth_highest(voters.iter().map(accepted), quorum).unwrap_or(0)
    }

    /// The newest round that a quorum has granted.
    fn quorum_granted(&self, voters: &[NodeId], quorum: usize) -> Option<u64> {
        let granted = voters.iter().filter_map(|node| self.granted.get(node));
        nth_highest(granted.copied(), quorum)
    }
}

fn nth_highest(values: impl Iterator<Item = u64>, n: usize) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values.get(n.checked_sub(1)?).copied()
}

impl Replica {
    pub(super) fn begin_to_lead(
        &mut self,
        ballot: Ballot,
        electors: BTreeMap<NodeId, StoreId>,
        log: Log,
        now: BootInstant,
    ) {
        self.durable.log = log;
        self.durable.accepted = ballot;
        for (node, store) in &electors {
            if self.durable.log.store_of(*node).is_none() {
                self.append(Command::Identify(*node, *store));
            }
        }
        if self.rules.opens_its_epoch {
            let opening = AdvancePayload::opening(ballot.epoch());
            self.append(Command::Advance(opening));
        }
        self.role = Role::Leader(Box::new(Leadership {
            ballot,
            opening: self.durable.log.last(),
            electors,
            accepted: BTreeMap::new(),
            heard: BTreeMap::new(),
            round: 0,
            round_due: now,
            sent: BTreeMap::new(),
            granted: BTreeMap::new(),
            holder: None,
            lease_is_over: false,
            shown: None,
            commands: BTreeMap::new(),
            loads: Vec::new(),
            change: None,
        }));
    }

    pub(super) fn append(&mut self, command: Command) -> u64 {
        self.effects.dirty = true;
        if let Role::Leader(leadership) = &mut self.role {
            leadership.round_due = BootInstant::from_nanos(0);
        }
        self.durable.log.push(command)
    }

    pub(super) fn leader(&mut self) -> Option<&mut Leadership> {
        match &mut self.role {
            Role::Leader(leadership) => Some(leadership),
            _ => None,
        }
    }

    /// What a leader does when it is time: a round, then whatever the answers allow.
    pub(super) fn lead(&mut self, now: BootInstant) {
        if self.leader().is_some_and(|leader| now >= leader.round_due) {
            self.send_round(now);
        }
        self.commit();
        self.renew_lease(now);
    }

    fn send_round(&mut self, now: BootInstant) {
        let (me, pause) = (self.me, self.times.round);
        let Some(leader) = self.leader() else { return };
        leader.round += 1;
        let (ballot, round) = (leader.ballot, leader.round);
        leader.sent.insert(round, now);
        leader.sent.retain(|sent, _| sent + ROUNDS_KEPT > round);
        let learner = leader.change.as_ref().and_then(Changing::joiner);
        leader.round_due = now.saturating_add(pause);
        let own_grant = self.grant_round(ballot, now);
        let last = self.durable.log.last();
        if let Some(leader) = self.leader() {
            leader.accepted.insert(me, last);
            if own_grant {
                leader.granted.insert(me, round);
            }
        }
        let peers = self.peers();
        for peer in peers.iter().chain(&learner) {
            let accept = Message::Accept {
                ballot,
                log: self.durable.log.clone(),
                committed: self.durable.committed,
                round,
            };
            self.send(*peer, accept);
        }
    }

    /// An answer counts only from a store that the log names, once that is committed (S4).
    pub(super) fn on_accepted(
        &mut self,
        (from, store): (NodeId, StoreId),
        ballot: Ballot,
        last: u64,
        granted: Option<u64>,
        now: BootInstant,
    ) {
        let committed = self.durable.committed;
        let known = self.durable.log.store_of(from);
        let checks_stores = self.rules.checks_stores;
        let catches_up = self.rules.lets_joiners_catch_up;
        let counts_from_the_sending = self.rules.counts_from_the_sending;
        let Some(leader) = self.leader().filter(|leader| leader.ballot == ballot) else {
            return;
        };
        leader.heard.insert(from, now);
        let counts = leader.knows(from, known, committed);
        if counts || !checks_stores || !catches_up {
            let accepted = leader.accepted.entry(from).or_default();
            *accepted = last.max(*accepted);
            if let Some(round) = granted {
                let newest = leader.granted.entry(from).or_default();
                *newest = round.max(*newest);
                if !counts_from_the_sending {
                    leader.sent.insert(round, now);
                }
            }
        }
        if known.is_none() {
            self.append(Command::Identify(from, store));
        }
    }

    fn voters_and_quorum(&self) -> (Vec<NodeId>, usize) {
        let members = self.durable.log.members().iter();
        let voters: Vec<NodeId> = members.map(|member| member.node).collect();
        let quorum = (self.rules.quorum)(voters.len());
        (voters, quorum)
    }

    fn commit(&mut self) {
        let (voters, quorum) = self.voters_and_quorum();
        let Some(leader) = self.leader() else { return };
        let committed = leader.quorum_has(&voters, quorum);
        if committed > self.durable.committed {
            self.durable.committed = committed;
            // What waited to be committed may go on, and the others learn of it.
            if let Some(leader) = self.leader() {
                leader.round_due = BootInstant::from_nanos(0);
            }
        }
    }

    /// The lease runs from the sending of the newest round that a quorum has granted.
    fn renew_lease(&mut self, now: BootInstant) {
        let (voters, mut quorum) = self.voters_and_quorum();
        if !self.rules.leases_need_a_quorum {
            quorum = 1;
        }
        let (lease, renews) = (
            self.times.shortened_lease(),
            self.rules.renews_a_lapsed_lease,
        );
        let Some(leader) = self.leader() else { return };
        let newest = leader.quorum_granted(&voters, quorum);
        let Some(sent) = newest.and_then(|round| leader.sent.get(&round)) else {
            return;
        };
        let deadline = sent.saturating_add(lease);
        if leader.lease_is_over || deadline <= now {
            return;
        }
        match &leader.holder {
            None => leader.holder = Some(LeaseHolder::until(deadline)),
            Some(holder) if renews || holder.lease().is_valid() => {
                holder.renew(deadline);
            }
            Some(_) => {}
        }
    }

    /// Shows the leadership once it may be shown, and answers the loads that may be answered.
    pub(super) fn settle(&mut self, now: BootInstant) {
        self.advance_change(now);
        let (applied, value) = (self.applied, self.state.high_water);
        let opened = |leader: &Leadership, rules: &Rules| {
            applied >= leader.opening || !rules.waits_for_its_opening
        };
        let (voters, quorum) = self.voters_and_quorum();
        let rules = self.rules.clone();
        let Some(leader) = self.leader() else { return };
        let may_show = opened(leader, &rules) && (leader.has_lease() || !rules.waits_for_its_lease);
        if leader.shown.is_none() && may_show && !leader.lease_is_over {
            let holder = leader
                .holder
                .get_or_insert_with(|| LeaseHolder::until(BootInstant::from_nanos(1)));
            leader.shown = Some(holder.lease());
        }
        let granted = leader.quorum_granted(&voters, quorum).unwrap_or(0);
        let loads = std::mem::take(&mut leader.loads);
        let (ready, waiting) = loads.into_iter().partition(|(round, _)| *round <= granted);
        leader.loads = waiting;
        for (_, reply) in ready {
            self.answer(reply, Ok(value));
        }
    }

    /// Under the lease, the applied value, and then the lease; otherwise a round that is sent now.
    pub(super) fn load(&mut self, reply: Reply<u64>, now: BootInstant) {
        let value = self.state.high_water;
        let not_leader = self.not_leader();
        let asks = self.rules.asks_the_quorum_without_a_lease;
        if self.leader().is_none() && !self.rules.only_leaders_load {
            return self.answer(reply, Ok(value));
        }
        let Some(leader) = self.leader().filter(|leader| leader.shown.is_some()) else {
            return self.answer(reply, Err(not_leader));
        };
        if leader.has_lease() || !asks {
            return self.answer(reply, Ok(value));
        }
        leader.loads.retain(|(_, reply)| !reply.is_closed());
        leader.loads.push((leader.round + 1, reply));
        leader.round_due = now;
    }

    pub(super) fn persist(&mut self, at_least: u64, epoch: Epoch, reply: Reply<u64>) {
        let not_leader = self.not_leader();
        let (rules, applied) = (self.rules.clone(), self.state.epoch);
        let fenced = |current| ConsensusError::Fenced {
            offered: epoch,
            current,
        };
        let Some(leader) = self.leader().filter(|leader| leader.shown.is_some()) else {
            let is_old = epoch < applied && !rules.says_not_leader_before_fenced;
            let refusal = if is_old { fenced(applied) } else { not_leader };
            return self.answer(reply, Err(refusal));
        };
        let current = leader.ballot.epoch();
        let has_lapsed = rules.refuses_without_a_lease && !leader.has_lease();
        let lapsed_first = has_lapsed && !rules.says_fenced_before_transient;
        if epoch != current && rules.checks_the_epoch_at_the_door && !lapsed_first {
            return self.answer(reply, Err(fenced(current)));
        }
        if has_lapsed {
            let lapsed = ConsensusError::transient("the lease has lapsed");
            return self.answer(reply, Err(lapsed));
        }
        let epoch = match rules.proposes_what_was_offered {
            true => epoch,
            false => current,
        };
        if !rules.answers_once_committed {
            let value = at_least.max(self.state.high_water);
            self.append(Command::Advance(AdvancePayload { at_least, epoch }));
            return self.answer(reply, Ok(value));
        }
        let settle = move |outcome| drop(reply.send(outcome));
        self.propose(AdvancePayload { at_least, epoch }, Box::new(settle));
    }

    /// Puts a command of any epoch into the log.
    pub(super) fn inject(&mut self, payload: AdvancePayload, reply: Reply<()>) {
        if self.leader().is_none() {
            let refusal = self.not_leader();
            return self.answer(reply, Err(refusal));
        }
        let settle = move |outcome: Result<u64, ConsensusError>| {
            let applied = match outcome {
                Ok(_) | Err(ConsensusError::Fenced { .. }) => Ok(()),
                Err(other) => Err(other),
            };
            drop(reply.send(applied));
        };
        self.propose(payload, Box::new(settle));
    }

    fn propose(&mut self, payload: AdvancePayload, settle: Settle) {
        let index = self.append(Command::Advance(payload));
        if let Some(leader) = self.leader() {
            leader.commands.entry(index).or_default().push(settle);
        }
    }
}

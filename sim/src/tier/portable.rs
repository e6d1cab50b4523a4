//! What the worlds with the real server and client cannot do: see [`Tier::cannot`](super::Tier::cannot).

use crate::plan::{Fault, Plan, What, When, Whom};

/// turmoil's hosts cannot stand still, share one clock, and answer for everybody; a link is held or cut, and not both.
pub(super) fn turmoil(plan: &Plan) -> Vec<&'static str> {
    let of_fault = |fault: &Fault| match fault.what {
        What::Pause(_) | What::Resume(_) => Some("a host's process cannot be paused"),
        What::ClockJump(..) => Some("all hosts have one clock"),
        What::DiskFull(_) | What::DiskFree(_) | What::DiskError { .. } => None,
        What::SlowDisk(..) | What::BitRot(..) | What::SourceChanges { .. } => None,
        What::Hold(whom) => cut_and_held(plan, whom),
        What::Partition(..) | What::Repair | What::Release | What::Reset(_) | What::End(..) => None,
        What::Mute(..) | What::Damage(..) | What::StopReading(_) | What::StartReading(_) => None,
        What::KillServer | What::PowerLossServer | What::StartServer | What::SecondServer => None,
        What::DrainServer | What::KillClient(_) | What::PowerLossClient(_) | What::StartClient(_) => None,
        What::AcceptFails(_) | What::AbortServer | What::BreakWrites(..) => None,
        What::Meddle(..) | What::NoteRots(..) => None,
        What::Forged(_) => None,
    };
    plan.faults.iter().filter_map(of_fault).collect()
}

/// The loopback interface loses and holds nothing, its machine is ours, and its time too.
pub(super) fn real(plan: &Plan) -> Vec<&'static str> {
    let of_fault = |fault: &Fault| match fault.what {
        What::Partition(..) | What::Repair => Some("the loopback interface cannot be cut"),
        What::Hold(_) | What::Release => Some("the loopback interface holds nothing back"),
        What::PowerLossServer | What::PowerLossClient(_) => Some("a machine cannot be gone without a word"),
        What::Pause(_) | What::Resume(_) => Some("a host's process cannot be paused"),
        What::ClockJump(..) => Some("the clock is the system's"),
        What::DiskFull(_) | What::DiskFree(_) | What::DiskError { .. } => at_a_byte(plan, fault),
        What::SlowDisk(..) | What::BitRot(..) | What::SourceChanges { .. } => at_a_byte(plan, fault),
        What::SecondServer | What::StartServer => None,
        What::Reset(_) | What::End(..) | What::Mute(..) | What::Damage(..) => at_a_byte(plan, fault),
        What::StopReading(_) | What::StartReading(_) => at_a_byte(plan, fault),
        What::KillServer | What::DrainServer | What::AbortServer => at_a_byte(plan, fault),
        What::AcceptFails(_) | What::BreakWrites(..) => at_a_byte(plan, fault),
        What::Meddle(..) | What::NoteRots(..) => at_a_byte(plan, fault),
        What::Forged(_) => at_a_byte(plan, fault),
        What::KillClient(_) | What::StartClient(_) => at_a_byte(plan, fault),
    };
    let others = those([
        (!plan.strangers.is_empty(), "there are no strangers"),
        (!plan.impostors.is_empty(), "there are no impostors"),
    ]);
    plan.faults.iter().filter_map(of_fault).chain(others).collect()
}

/// Those reasons that are one.
fn those<const N: usize>(reasons: [(bool, &'static str); N]) -> impl Iterator<Item = &'static str> {
    reasons.into_iter().filter(|(is_one, _)| *is_one).map(|(_, reason)| reason)
}

/// In real time nothing but what is said and done is where it is in other worlds.
fn at_a_byte(plan: &Plan, fault: &Fault) -> Option<&'static str> {
    match fault.when {
        When::Byte { .. } | When::Primitive { .. } => None,
        // The chain has a beginning, which is looked at by itself: but what comes after a time is at one.
        When::After(_) if plan.faults.iter().all(|fault| !matches!(fault.when, When::At(_))) => None,
        When::At(_) | When::After(_) => Some("real time has no moment that is the same twice"),
    }
}

/// turmoil's release heals what is cut, and its repair leaves stuck what is held.
fn cut_and_held(plan: &Plan, held: Whom) -> Option<&'static str> {
    let meet = |whom: Whom| match (held.client(), whom.client()) {
        (Some(one), Some(other)) => one == other,
        (None, _) | (_, None) => true,
    };
    let cuts = |fault: &Fault| match fault.what {
        What::Partition(_, whom) => meet(whom),
        What::PowerLossServer => true,
        What::PowerLossClient(client) => meet(Whom::Client(client)),
        _ => false,
    };
    plan.faults.iter().any(cuts).then_some("a link that is held cannot be cut")
}

#[cfg(test)]
mod tests {
    use crate::plan::{Fault, Host, Plan, What, When, Whom};
    use crate::tier::Tier;

    fn plan(faults: &[(When, What)]) -> Plan {
        let mut plan = Plan::empty("a test", 1);
        plan.faults = faults.iter().map(|(when, what)| Fault { when: *when, what: *what }).collect();
        plan
    }

    #[test]
    fn what_a_tier_cannot_do_is_said_once() {
        let paused = What::Pause(Host::Server);
        let plan = plan(&[(When::At(1), paused), (When::After(1), What::Resume(Host::Server))]);
        assert_eq!(Tier::Fast.cannot(&plan), Vec::<&str>::new());
        for tier in [Tier::Turmoil, Tier::Real] {
            assert_eq!(tier.cannot(&plan), ["a host's process cannot be paused"]);
        }
    }

    #[test]
    fn a_hold_is_refused_only_beside_a_cut_of_the_same_link() {
        use crate::plan::Cut;
        let hold = (When::At(1), What::Hold(Whom::Client(0)));
        let cut = |client| (When::At(2), What::Partition(Cut::Both, Whom::Client(client)));
        assert_eq!(Tier::Turmoil.cannot(&plan(&[hold])), Vec::<&str>::new());
        assert_eq!(Tier::Turmoil.cannot(&plan(&[hold, cut(1)])), Vec::<&str>::new());
        assert_eq!(Tier::Turmoil.cannot(&plan(&[hold, cut(0)])), ["a link that is held cannot be cut"]);
    }

    #[test]
    fn real_time_takes_faults_by_what_passes_only() {
        use towline::harness::Side;
        let byte = When::Byte { client: 0, dial: 0, side: Side::Client, byte: 9 };
        let good = [(byte, What::KillServer), (When::After(5), What::StartServer)];
        assert_eq!(Tier::Real.cannot(&plan(&good)), Vec::<&str>::new());
        let bad = plan(&[(When::At(5), What::Reset(Whom::All))]);
        assert_eq!(Tier::Real.cannot(&bad).len(), 1);
        let power = plan(&[(byte, What::PowerLossServer)]);
        assert_eq!(Tier::Real.cannot(&power), ["a machine cannot be gone without a word"]);
    }
}

//! Blocks that go out over other connections than the sender's own. What the receiver does not have is handed out to them; what
//! it may have is compared, and sent where it differs, over the own one. Once all has landed the sender commits as ever.

use super::{Sender, State};
use crate::probe::{Mark, mark};
use crate::proto::machine::Out;
use crate::proto::op::OpEvent;
use crate::proto::op::handout::Handout;
use crate::proto::op::share::{Helper, ShareEvent, ShareOrder};
use crate::wire::{Cv, UploadId};

impl Sender {
    /// It is known what the receiver has: the rest may be handed out.
    pub(super) fn hand_out(&mut self, upload: UploadId, out: &mut Out<Sender>) {
        let State::Sending(outgoing) = &mut self.state else { return };
        let Some(handout) = outgoing.pipeline.hand_out() else { return };
        let (version, length, missing) = (outgoing.version, outgoing.length, handout.left());
        outgoing.handout = Some(handout);
        out.event(OpEvent::Share(ShareEvent::Shares { version, length, missing, upload }));
    }

    pub(super) fn on_share(&mut self, order: ShareOrder, out: &mut Out<Sender>) {
        match order {
            ShareOrder::Open if matches!(self.state, State::New | State::Opening) => self.is_shared = true,
            ShareOrder::Join(helper) => {
                if let Some(handout) = self.handout() {
                    handout.join(helper);
                    self.give(&[helper], out);
                }
            }
            ShareOrder::Leave(helper) => {
                if let Some(handout) = self.handout() {
                    handout.leave(helper);
                    let helpers = handout.helpers();
                    self.give(&helpers, out);
                }
            }
            ShareOrder::Alone => {
                if let State::Sending(outgoing) = &mut self.state
                    && let Some(handout) = outgoing.handout.take()
                {
                    outgoing.pipeline.send_again(&handout.alone());
                    self.advance(out);
                }
            }
            ShareOrder::Landed { helper, first, cvs } => self.on_landed(helper, first, &cvs, out),
            ShareOrder::Damaged => {
                if let State::Sending(outgoing) = &mut self.state {
                    outgoing.refused = outgoing.refused.saturating_add(1);
                }
            }
            ShareOrder::Open | ShareOrder::Brought(..) | ShareOrder::Flush(_) => {}
            ShareOrder::Want(_) | ShareOrder::Stored(_) | ShareOrder::Finish => {}
        }
    }

    fn handout(&mut self) -> Option<&mut Handout> {
        match &mut self.state {
            State::Sending(outgoing) => outgoing.handout.as_mut(),
            State::New | State::Opening | State::Rechecking(_) | State::Committing(..) => None,
            State::Leaving(..) | State::Closed => None,
        }
    }

    fn give(&mut self, helpers: &[Helper], out: &mut Out<Sender>) {
        let Some(handout) = self.handout() else { return };
        for helper in helpers {
            if let Some(ranges) = handout.next_for(*helper) {
                out.event(OpEvent::Share(ShareEvent::Ask(*helper, ranges)));
            }
        }
    }

    fn on_landed(&mut self, helper: Helper, first: u32, cvs: &[Cv], out: &mut Out<Sender>) {
        let State::Sending(outgoing) = &mut self.state else { return };
        let Some(handout) = &mut outgoing.handout else { return };
        let mut bytes = 0;
        for (block, cv) in (first..).zip(cvs) {
            let landed = handout.landed(helper, block);
            if landed > 0 {
                outgoing.pipeline.landed(block, *cv);
            }
            bytes += landed;
        }
        if handout.left() == 0 {
            mark(Mark::SharedPut);
            outgoing.handout = None;
            out.event(OpEvent::Share(ShareEvent::Whole));
        }
        if bytes > 0 {
            out.event(OpEvent::Progress(bytes));
        }
        self.give(&[helper], out);
        self.advance(out);
    }
}

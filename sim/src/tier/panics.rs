//! What panics in a run is kept for its report; all other panics are told as ever.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// `Some` while this thread runs a plan: the first panic's words.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `action`; gives the words of the panic that ended it, if one did.
pub(super) fn caught(action: impl FnOnce()) -> Option<String> {
    listen();
    CAUGHT.with(|caught| *caught.borrow_mut() = Some(String::new()));
    let ran = catch_unwind(AssertUnwindSafe(action));
    let text = CAUGHT.with(|caught| caught.borrow_mut().take());
    ran.is_err().then(|| text.filter(|text| !text.is_empty()).unwrap_or("a panic without words".to_owned()))
}

fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_kept = CAUGHT.with(|caught| {
                let mut caught = caught.borrow_mut();
                // What panics while a broken world is taken down is not another failure.
                if let Some(text) = caught.as_mut().filter(|text| text.is_empty()) {
                    *text = info.to_string().replace('\n', " ");
                }
                caught.is_some()
            });
            if !is_kept {
                before(info);
            }
        }));
    });
}

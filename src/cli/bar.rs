//! Draws [`Progress`]: a bar where a person watches a terminal, a line now and then where standard error is anything else,
//! nothing where quiet is wanted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::progress::{Progress, Sight};
use super::terminal;

/// How often it is drawn, and how soon for the first time: what is over before needs none.
pub(super) const REDRAW: Duration = Duration::from_millis(100);
/// How often a line tells of it where nothing can be drawn.
const REPEAT: Duration = Duration::from_secs(10);
/// Columns of a line in a log.
const LOG_WIDTH: usize = 100;

/// What becomes of progress.
enum Place {
    /// It is drawn.
    Terminal(Drawn),
    /// It is told, on a line each.
    Lines,
    /// Nobody wants it.
    Nowhere,
}

/// A bar on a terminal.
struct Drawn {
    bar: ProgressBar,
    /// What stands before and behind the bar, for its template.
    texts: Arc<Mutex<(String, String)>>,
    width: Box<dyn Fn() -> u16 + Send + Sync>,
    colours: bool,
    /// Whether the style in use has a bar.
    has_bar: Mutex<Option<bool>>,
}

/// How far a command is, and where that is shown.
pub(super) struct Bar {
    progress: Mutex<Progress>,
    place: Place,
    shown: Mutex<Instant>,
}

impl Bar {
    /// For standard error, whatever that is.
    pub(super) fn new(progress: Progress, is_quiet: bool) -> Bar {
        let place = match (is_quiet, terminal::can_draw()) {
            (true, _) => Place::Nowhere,
            (false, true) => {
                let target = ProgressDrawTarget::stderr();
                Place::Terminal(Drawn::new(target, Box::new(terminal::width), terminal::has_colours()))
            }
            (false, false) => Place::Lines,
        };
        Bar { progress: Mutex::new(progress), place, shown: Mutex::new(Instant::now()) }
    }

    /// How far it is, to be changed.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }

    /// Shows how far it is, if the last time is long enough ago.
    pub(super) fn show(&self, now: Instant) {
        let every = match self.place {
            Place::Terminal(_) => REDRAW,
            Place::Lines => REPEAT,
            Place::Nowhere => return,
        };
        let mut shown = lock(&self.shown);
        if now.saturating_duration_since(*shown) < every {
            return;
        }
        *shown = now;
        match &self.place {
            Place::Terminal(drawn) => {
                // The last column stays free: some terminals begin a new line after it.
                let columns = usize::from((drawn.width)()).saturating_sub(1);
                let sight = self.progress().sight(now, columns);
                drawn.draw(sight);
            }
            Place::Lines => terminal::note(&self.progress().sight(now, LOG_WIDTH).text()),
            Place::Nowhere => {}
        }
    }

    /// Lets something else write a line to the terminal.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.place {
            Place::Terminal(drawn) if drawn.is_begun() => drawn.bar.suspend(write),
            Place::Terminal(_) | Place::Lines | Place::Nowhere => write(),
        }
    }

    /// Takes it off the terminal, for good.
    pub(super) fn clear(&self) {
        if let Place::Terminal(drawn) = &self.place {
            drawn.bar.finish_and_clear();
        }
    }
}

/// However the command ends, its progress does not stay.
impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Drawn {
    fn new(target: ProgressDrawTarget, width: Box<dyn Fn() -> u16 + Send + Sync>, colours: bool) -> Drawn {
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        Drawn { bar, texts: Arc::default(), width, colours, has_bar: Mutex::default() }
    }

    fn is_begun(&self) -> bool {
        lock(&self.has_bar).is_some()
    }

    fn draw(&self, sight: Sight) {
        let Sight { before, bar, behind } = sight;
        *lock(&self.texts) = (before, behind);
        let mut has_bar = lock(&self.has_bar);
        if *has_bar != Some(bar.is_some()) {
            self.bar.set_style(self.style(bar.is_some()));
            *has_bar = Some(bar.is_some());
        }
        self.bar.set_position(bar.unwrap_or(0));
        self.bar.force_draw();
    }

    fn style(&self, has_bar: bool) -> ProgressStyle {
        let template = match (has_bar, self.colours) {
            (true, true) => "{before}[{wide_bar:.cyan}]{behind} ",
            (true, false) => "{before}[{wide_bar}]{behind} ",
            (false, _) => "{before}{behind}",
        };
        let part = |behind: bool| {
            let texts = Arc::clone(&self.texts);
            move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
                let texts = lock(&texts);
                // A text that is not written is drawn again soon.
                let _ = to.write_str(if behind { &texts.1 } else { &texts.0 });
            }
        };
        let style = ProgressStyle::with_template(template).expect("the templates are well formed");
        style.progress_chars("=> ").with_key("before", part(false)).with_key("behind", part(true))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "bar_test.rs"]
mod tests;

//! Names, and what a normal build has of all this.

use std::collections::BTreeSet;

use super::{Bug, HAS_BUGS, Layer, Mark, NoneInThisBuild, plant, planted};

#[test]
fn names_are_unique_and_lead_back() {
    let names: BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    assert_eq!(names.len(), Bug::ALL.len());
    for bug in Bug::ALL {
        assert_eq!(Bug::named(bug.name()), Some(*bug));
        assert!(bug.name().chars().all(|c| c == '-' || c.is_ascii_lowercase()), "{}", bug.name());
        assert!(bug.words().ends_with('.'), "{}", bug.name());
    }
    assert_eq!(Bug::named("none"), None);
}

#[test]
fn every_layer_has_a_bug() {
    for layer in Layer::ALL {
        assert!(Bug::ALL.iter().any(|bug| bug.layer() == *layer), "{layer}");
    }
    let of_the_driver = Bug::ALL.iter().filter(|bug| bug.layer() == Layer::Drive).count();
    assert!(of_the_driver >= 3 && Bug::ALL.len() >= 20);
}

#[test]
fn only_the_special_build_has_bugs() {
    for bug in Bug::ALL {
        assert_eq!(plant(Some(*bug)), if HAS_BUGS { Ok(()) } else { Err(NoneInThisBuild) });
        for other in Bug::ALL {
            assert_eq!(planted(*other), HAS_BUGS && bug == other, "{}", other.name());
        }
    }
    assert_eq!(plant(None), Ok(()));
    assert!(Bug::ALL.iter().all(|bug| !planted(*bug)));
}

#[test]
fn marks_have_words_of_their_own() {
    let words: BTreeSet<&str> = Mark::ALL.iter().map(|mark| mark.words()).collect();
    assert_eq!(words.len(), Mark::ALL.len());
}

#[cfg(feature = "harness")]
#[test]
fn marks_are_taken_once_and_what_is_done_aside_does_not_count() {
    use super::{aside, mark, take_marks};
    take_marks();
    mark(Mark::ShortWrite);
    mark(Mark::HeaderCut);
    aside(|| mark(Mark::OpenedTwice));
    assert_eq!(take_marks(), BTreeSet::from([Mark::HeaderCut, Mark::ShortWrite]));
    assert_eq!(take_marks(), BTreeSet::new());
}

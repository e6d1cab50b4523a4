//! What is to happen, in the order of time, and of what is due at the same time in the order in which it was asked for.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use towline::time::Time;

/// Things that happen later. What is due at once, as most of it is, goes through no heap.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// The last time at which something was asked for.
    now: Time,
    /// Due when they were asked for: in order by themselves, since time does not run back.
    soon: VecDeque<Item<T>>,
    later: BinaryHeap<Reverse<Item<T>>>,
    next: u64,
}

#[derive(Debug)]
struct Item<T> {
    at: Time,
    number: u64,
    what: T,
}

impl<T> Queue<T> {
    /// Nothing.
    pub(super) fn new() -> Queue<T> {
        Queue { now: Time::ZERO, soon: VecDeque::new(), later: BinaryHeap::new(), next: 0 }
    }

    /// Lets `what` happen at `at`, and now if that is past.
    pub(super) fn push(&mut self, now: Time, at: Time, what: T) {
        let item = Item { at, number: self.next, what };
        self.next += 1;
        // Of what stands there nothing is later, so that the order of asking is that of time, too.
        if at <= now && at >= self.now {
            self.now = at;
            self.soon.push_back(item);
        } else {
            self.later.push(Reverse(item));
        }
    }

    /// When the next one happens.
    pub(super) fn next_at(&self) -> Option<Time> {
        match (self.soon.front(), self.later.peek()) {
            (Some(soon), Some(Reverse(later))) => Some(soon.at.min(later.at)),
            (Some(item), None) | (None, Some(Reverse(item))) => Some(item.at),
            (None, None) => None,
        }
    }

    /// Takes it.
    pub(super) fn pop(&mut self) -> Option<T> {
        let is_soon = match (self.soon.front(), self.later.peek()) {
            (Some(soon), Some(Reverse(later))) => soon < later,
            (soon, _) => soon.is_some(),
        };
        if is_soon {
            self.soon.pop_front().map(|item| item.what)
        } else {
            self.later.pop().map(|Reverse(item)| item.what)
        }
    }

    /// Each goes through `pass`, in order, and stays as what that gives, or is gone.
    pub(super) fn filter_map(&mut self, mut pass: impl FnMut(T) -> Option<T>) {
        let soon = std::mem::take(&mut self.soon);
        let later = std::mem::take(&mut self.later).into_iter().map(|Reverse(item)| item);
        let mut items: Vec<Item<T>> = soon.into_iter().chain(later).collect();
        items.sort();
        let kept = |Item { at, number, what }| pass(what).map(|what| Reverse(Item { at, number, what }));
        self.later = items.into_iter().filter_map(kept).collect();
    }
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Item<T>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Item<T> {}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Item<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// No two have one number.
impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Item<T>) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use towline::time::{Duration, Time};

    use super::Queue;

    /// Against a map by time and number: what is asked for at once, for later and for what is past comes in its order.
    #[test]
    fn all_comes_in_the_order_of_time_and_of_asking() {
        let mut random = towline::proto::backoff::SplitMix(7);
        let (mut queue, mut map) = (Queue::new(), std::collections::BTreeMap::new());
        let mut now = Time::ZERO;
        for number in 0..5_000_u64 {
            let at = match random.next_u64() % 4 {
                0 => now + Duration::from_nanos(random.next_u64() % 50),
                1 => Time::from_nanos(now.as_nanos().saturating_sub(random.next_u64() % 20)),
                _ => now,
            };
            queue.push(now, at, number);
            map.insert((at, number), number);
            if random.next_u64().is_multiple_of(3) {
                assert_eq!(queue.next_at(), map.keys().next().map(|(at, _)| *at));
                now = now.max(queue.next_at().unwrap_or(now));
                assert_eq!(queue.pop(), map.pop_first().map(|(_, number)| number));
            }
            if number == 2_500 {
                queue.filter_map(|number| (number % 5 > 0).then_some(number));
                map.retain(|_, number| *number % 5 > 0);
            }
        }
        while let Some((_, number)) = map.pop_first() {
            assert_eq!(queue.pop(), Some(number));
        }
        assert_eq!((queue.pop(), queue.next_at()), (None, None));
    }
}

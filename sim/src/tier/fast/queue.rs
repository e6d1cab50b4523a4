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
    later: BinaryHeap<Reverse<Item<usize>>>,
    /// What is due later, by its place: the heap moves what it holds about, and these are large.
    held: Vec<Option<T>>,
    /// Places that nothing has.
    free: Vec<usize>,
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
        Queue {
            now: Time::ZERO,
            soon: VecDeque::new(),
            later: BinaryHeap::new(),
            held: Vec::new(),
            free: Vec::new(),
            next: 0,
        }
    }

    /// Lets `what` happen at `at`, and now if that is past.
    pub(super) fn push(&mut self, now: Time, at: Time, what: T) {
        let number = self.next;
        self.next += 1;
        // Of what stands there nothing is later, so that the order of asking is that of time, too.
        if at <= now && at >= self.now {
            self.now = at;
            self.soon.push_back(Item { at, number, what });
        } else {
            self.hold(at, number, what);
        }
    }

    fn hold(&mut self, at: Time, number: u64, what: T) {
        let place = self.free.pop().unwrap_or(self.held.len());
        match self.held.get_mut(place) {
            Some(held) => *held = Some(what),
            None => self.held.push(Some(what)),
        }
        self.later.push(Reverse(Item { at, number, what: place }));
    }

    fn let_go(&mut self, place: usize) -> Option<T> {
        self.free.push(place);
        self.held[place].take()
    }

    /// When the next one happens.
    pub(super) fn next_at(&self) -> Option<Time> {
        match (self.soon.front(), self.later.peek()) {
            (Some(soon), Some(Reverse(later))) => Some(soon.at.min(later.at)),
            (Some(soon), None) => Some(soon.at),
            (None, Some(Reverse(later))) => Some(later.at),
            (None, None) => None,
        }
    }

    /// Takes it.
    pub(super) fn pop(&mut self) -> Option<T> {
        let is_soon = match (self.soon.front(), self.later.peek()) {
            (Some(soon), Some(Reverse(later))) => soon.order() < later.order(),
            (soon, _) => soon.is_some(),
        };
        if is_soon {
            self.soon.pop_front().map(|item| item.what)
        } else {
            self.later.pop().and_then(|Reverse(item)| self.let_go(item.what))
        }
    }

    /// Each goes through `pass`, in order, and stays as what that gives, or is gone.
    pub(super) fn filter_map(&mut self, mut pass: impl FnMut(T) -> Option<T>) {
        let mut items: Vec<Item<T>> = std::mem::take(&mut self.soon).into();
        for Reverse(Item { at, number, what: place }) in std::mem::take(&mut self.later) {
            items.extend(self.let_go(place).map(|what| Item { at, number, what }));
        }
        items.sort_by_key(Item::order);
        for Item { at, number, what } in items {
            if let Some(what) = pass(what) {
                self.hold(at, number, what);
            }
        }
    }
}

impl<T> Item<T> {
    /// No two have one number.
    fn order(&self) -> (Time, u64) {
        (self.at, self.number)
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

impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Item<T>) -> Ordering {
        self.order().cmp(&other.order())
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

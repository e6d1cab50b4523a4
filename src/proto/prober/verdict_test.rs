use super::*;
use crate::proto::backoff::SplitMix;
use crate::proto::prober::ProbeEvent;
use crate::time::Time;

/// 100 probes, a millisecond apart: 98 took from 1 to 98 ms, one was lost and one reordered.
fn tally() -> Tally {
    let mut tally = Tally::default();
    for number in 1..=100 {
        let at = Time::from_millis(number);
        tally.note(&ProbeEvent::Sent { at, late: None });
        let service = Duration::from_micros(number * 500);
        let response = Duration::from_millis(number);
        let is_reordered = number == 7;
        tally.note(&match number {
            99 => ProbeEvent::Lost,
            100 => ProbeEvent::Corrupted { is_answer: true },
            _ => ProbeEvent::Reply { at: at + response, service, response, is_reordered, cut: None },
        });
    }
    tally
}

#[test]
fn what_holds_is_told_with_what_was_measured() {
    let tally = tally();
    let told = |text: &str| {
        let breaches = FailIf::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).breaches(&tally);
        breaches.iter().map(|breach| breach.condition.clone()).collect::<Vec<_>>()
    };
    let all = [
        "p50>48ms",
        "p50 <= 50 ms",
        "p99.9>90ms",
        "max>=98ms",
        "min<2ms",
        "mean<0.051s",
        "service.p50<25ms",
        "response.max>97000us",
        "loss>0.9%",
        "lost>0",
        "loss>=1%",
        "corrupted>=1",
        "reordered>0.5%",
        "sent>=100",
        "received<99",
        "rate>999",
        "p100>97000000ns",
        "min<2000µs",
    ];
    for text in all {
        assert_eq!(told(text), [text]);
    }
    let none = [
        "p50>50ms",
        "loss>1%",
        "lost>1",
        "service.max>50ms",
        "rate<999",
        "duplicated>0",
        "late>0%",
        "truncated>0",
    ];
    for text in none {
        assert_eq!(told(text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(told("loss>5%, p50>1ms,lost>0"), ["p50>1ms", "lost>0"]);
    let measured = FailIf::parse("loss>0.1%").unwrap().breaches(&tally);
    assert_eq!(measured[0].measured.as_deref(), Some("1.0000%"));
    // Of nothing, nothing good is known.
    let nothing = FailIf::parse("p99>1s,loss>1%,lost>0").unwrap().breaches(&Tally::default());
    assert_eq!(nothing.len(), 2);
    assert!(nothing.iter().all(|breach| breach.measured.is_none()));
}

#[test]
fn mistakes_are_pointed_at() {
    let cases = [
        ("", 0, "what was measured"),
        ("p99", 3, "one of >"),
        ("p99>", 4, "a number"),
        ("p99>2", 5, "a unit"),
        ("p99>2m", 5, "a unit"),
        ("p99>2msx", 5, "a unit"),
        ("p99>2ms,", 8, "what was measured"),
        ("p99>2ms;loss>1%", 7, "\",\""),
        ("p99>2ms loss>1%", 8, "\",\""),
        ("p101>2ms", 1, "a percentile"),
        ("p0>2ms", 1, "a percentile"),
        ("p>2ms", 1, "a number"),
        ("p9.9.9>2ms", 1, "a number"),
        ("µ99>2ms", 0, "what was measured"),
        ("loss>1%,latency>2ms", 8, "what was measured"),
        ("loss=1%", 4, "one of >"),
        ("loss>1ms", 6, "\",\""),
        ("service.loss>1", 8, "what was measured"),
        ("rate>1%", 6, "\",\""),
        ("loss>-1", 5, "a number"),
    ];
    for (text, at, expected) in cases {
        let error = FailIf::parse(text).expect_err(text);
        assert!(error.at == at && error.expected.starts_with(expected), "{text}: {error}");
    }
    assert!(FailIf::parse(&"loss>1,".repeat(1_000)).is_err());
}

/// Any text is answered, and a mistake is within it.
#[test]
fn any_text_is_conditions_or_a_mistake() {
    let parts =
        ["p99", ">", "2", "ms", ",", "loss", "%", " ", "µ", "service.", ".", "<=", "é", "p", "9", "\0"];
    let (mut random, mut good) = (SplitMix(5), 0);
    for _ in 0..20_000 {
        let count = random.next_u64() % 8;
        let text: String =
            (0..count).map(|_| parts[(random.next_u64() % parts.len() as u64) as usize]).collect();
        match FailIf::parse(&text) {
            Ok(conditions) => {
                good += 1;
                let _any = conditions.breaches(&Tally::default());
            }
            Err(error) => assert!(error.at <= text.chars().count(), "{text:?}: {error}"),
        }
    }
    assert!(good > 0, "none was right");
}

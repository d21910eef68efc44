//! Prices that are not what a vendor's page says: agreed with it for an account, or known to change on a
//! day.
//!
//! ```yaml
//! prices:
//!   zekron-image-1: { output_usd: 0.022 }
//!   zekron-xl:
//!     2026-12-01: { factor: 0.9 }
//!     2027-03-01: { output_usd: 0.02 }
//! ```
//! A day begins at midnight UTC; a price without a day has always held.

use engine::{Agreed, Terms};
use provider::{MicroUsd, Timestamp};

use super::section::Section;

/// What was agreed, by the vendor's names of its models. Whether they are there, only the adapter says.
pub(super) fn read(section: Section<'_>) -> Terms {
    let mut terms = Terms::default();
    for (model, mut section) in section.named() {
        if let Some(agreed) = read_price(&mut section, false) {
            terms.agree(&model, Timestamp::from_millis(i64::MIN), agreed);
        }
        for (day, mut section) in section.named() {
            match Timestamp::parse(&format!("{day}T00:00:00Z")) {
                Some(from) => {
                    let agreed = read_price(&mut section, true);
                    section.finish();
                    agreed.into_iter().for_each(|agreed| terms.agree(&model, from, agreed));
                }
                None => section.problem(
                    "",
                    "is neither `output_usd`, nor `factor`, nor a day such as `2026-12-01`",
                ),
            }
        }
    }
    terms
}

fn read_price(section: &mut Section<'_>, must: bool) -> Option<Agreed> {
    let (has_output, has_factor) = (section.has("output_usd"), section.has("factor"));
    let output = section.value("output_usd", usd);
    let factor = section.value("factor", factor);
    match (has_output, has_factor) {
        (true, true) => section.problem("", "has `output_usd` and `factor`; give one of them"),
        (false, false) if must => section.problem("", "needs `output_usd` or `factor`"),
        _ => {}
    }
    output.map(Agreed::Output).or_else(|| factor.map(Agreed::Millionths))
}

/// More than nothing: what costs nothing would be asked for everything.
fn usd(text: &str) -> Result<MicroUsd, String> {
    let amount = text.parse::<MicroUsd>().ok().filter(|amount| *amount > MicroUsd::ZERO);
    amount.ok_or_else(|| "is not an amount of US dollars above 0, such as `0.022`".to_owned())
}

/// Up to a hundred: more is a slip of the finger.
fn factor(text: &str) -> Result<u32, String> {
    let millionths = text.parse::<MicroUsd>().ok().map(MicroUsd::micros);
    let sane = millionths.filter(|millionths| (1..=100_000_000).contains(millionths));
    let sane = sane.and_then(|millionths| u32::try_from(millionths).ok());
    sane.ok_or_else(|| "is not a factor above 0 and up to 100, such as `0.9`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            section::Findings,
            tree::{Node, Origin},
        },
        *,
    };

    fn read(yaml: &str) -> (Terms, Vec<String>) {
        let findings = Findings::default();
        let node = Node::from_yaml(Origin::File, yaml).unwrap();
        let terms = super::read(Section::new("prices".to_owned(), node, &findings));
        let told = findings.into_list().into_iter().map(|p| format!("{}: {}", p.key, p.reason));
        (terms, told.collect())
    }

    fn day(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn prices_hold_always_or_from_a_day() {
        let (terms, problems) = read(
            "zekron-image-1: { output_usd: 0.022 }\n10003:\n  2026-12-01: { factor: 0.9 }\n  \
             2027-03-01: { output_usd: 0.01 }",
        );
        assert!(problems.is_empty(), "{problems:?}");
        let (before, after) = (day("2026-11-30T23:59:59Z"), day("2026-12-01T00:00:00Z"));
        let fixed = Some(Agreed::Output(MicroUsd::from_micros(22_000)));
        assert_eq!((terms.at("zekron-image-1", before), terms.at("10003", before)), (fixed, None));
        assert_eq!(terms.at("10003", after), Some(Agreed::Millionths(900_000)));
        let later = terms.at("10003", day("2027-04-01T00:00:00Z"));
        assert_eq!(later, Some(Agreed::Output(MicroUsd::from_micros(10_000))));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        let one = |yaml: &str| {
            let (terms, problems) = read(yaml);
            assert_eq!(problems.len(), 1, "{yaml}: {problems:?} {terms:?}");
            problems.into_iter().next().unwrap()
        };
        assert!(
            one("a: { output_usd: 0 }").starts_with("prices.a.output_usd: `0` is not an amount")
        );
        assert!(one("a: { output_usd: cheap }").contains("is not an amount"));
        assert!(one("a: { factor: -1 }").starts_with("prices.a.factor:"));
        assert!(one("a: { factor: 101 }").contains("up to 100"));
        assert!(one("a: { factor: 1, output_usd: 1 }").contains("give one of them"));
        assert!(one("a: { 2026-12-01: {} }").contains("prices.a.2026-12-01: needs"));
        assert!(one("a: { 2026-13-01: { factor: 1 } }").contains("nor a day such as"));
        assert!(one("a: { output: { factor: 1 } }").contains("prices.a.output: is neither"));
        let nested = one("a: { 2026-12-01: { factor: 1, until: x } }");
        assert!(nested.starts_with("prices.a.2026-12-01.until: this key is unknown"), "{nested}");
    }
}

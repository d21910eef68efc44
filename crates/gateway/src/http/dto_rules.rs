//! Budgets and limits of teams and keys, as operators write and read them.

use std::{collections::BTreeMap, fmt};

use provider::{Kind, MicroUsd};
use records::{Budget, Limits, Pace, Period, TeamRouting};
use routing::Policy;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        self, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::{
    extras::policy_schema,
    fields::{Money, words},
};

/// How much may be spent within a period.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetDto {
    /// The most money, charged and held; without it only outputs are counted.
    #[serde(default, deserialize_with = "money")]
    #[schema(value_type = Option<String>, example = "50.000000")]
    limit_usd: Option<MicroUsd>,
    /// The most outputs, made and under way; without it only money is counted.
    limit_outputs: Option<u64>,
    /// When it begins anew, in the team's time zone.
    #[serde(default = "month")]
    #[schema(schema_with = period_schema)]
    period: Period,
    /// Whether it refuses what it does not cover; otherwise it only tells.
    #[serde(default = "yes")]
    hard: bool,
    /// Shares of it, in percent, at which operators are told; a soft one tells at 100 where it is left
    /// out.
    #[schema(example = json!([50, 80, 100]))]
    alert_at: Option<Vec<u8>>,
}

const fn month() -> Period {
    Period::Month
}

const fn yes() -> bool {
    true
}

fn money<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MicroUsd>, D::Error> {
    Ok(Option::<Money>::deserialize(deserializer)?.map(|money| money.0))
}

/// The periods, as a schema.
pub(super) fn period_schema() -> RefOr<Schema> {
    words(&Period::ALL.map(Period::as_str))
}

impl From<&Budget> for BudgetDto {
    fn from(budget: &Budget) -> Self {
        Self {
            limit_usd: budget.limit,
            limit_outputs: budget.outputs,
            period: budget.period,
            hard: budget.hard,
            alert_at: Some(budget.alert_at.clone()),
        }
    }
}

impl From<BudgetDto> for Budget {
    fn from(dto: BudgetDto) -> Self {
        // A soft budget that tells nobody would be none at all.
        let alerts = || if dto.hard { Vec::new() } else { vec![100] };
        Self {
            limit: dto.limit_usd,
            outputs: dto.limit_outputs,
            period: dto.period,
            hard: dto.hard,
            alert_at: dto.alert_at.unwrap_or_else(alerts),
        }
    }
}

/// One budget, or several that all hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BudgetsDto {
    One(BudgetDto),
    Several(Vec<BudgetDto>),
}

impl BudgetsDto {
    /// None where there is no budget.
    pub(super) fn of(budgets: &[Budget]) -> Option<Self> {
        match budgets {
            [] => None,
            [one] => Some(Self::One(BudgetDto::from(one))),
            several => Some(Self::Several(several.iter().map(BudgetDto::from).collect())),
        }
    }

    /// In the records' words.
    pub(super) fn into_budgets(self) -> Vec<Budget> {
        match self {
            Self::One(one) => vec![one.into()],
            Self::Several(several) => several.into_iter().map(Budget::from).collect(),
        }
    }
}

/// Written out, because a derived reader of "this or that" knows not which field is wrong.
impl<'de> Deserialize<'de> for BudgetsDto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = BudgetsDto;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a budget such as {\"limit_usd\": \"50\"}, or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BudgetsDto, A::Error> {
                BudgetDto::deserialize(MapAccessDeserializer::new(map)).map(BudgetsDto::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<BudgetsDto, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(BudgetsDto::Several)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// How a team's requests are routed where they do not say it themselves.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TeamRoutingDto {
    /// What is preferred; `null`: what the alias says, or else the configuration.
    #[schema(schema_with = policy_schema)]
    policy: Option<Policy>,
}

impl From<&TeamRouting> for TeamRoutingDto {
    fn from(routing: &TeamRouting) -> Self {
        let named = |name: &str| Policy::ALL.into_iter().find(|policy| policy.as_str() == name);
        Self { policy: routing.policy.as_deref().and_then(named) }
    }
}

impl From<TeamRoutingDto> for TeamRouting {
    fn from(dto: TeamRoutingDto) -> Self {
        Self { policy: dto.policy.map(|policy| policy.as_str().to_owned()) }
    }
}

/// How fast somebody may ask: in all, and for single kinds and models besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsDto {
    /// Accepted generation POSTs within any minute.
    requests_per_minute: Option<u32>,
    /// Generations under way at once.
    concurrent: Option<u32>,
    /// For one kind, such as `video`.
    #[serde(deserialize_with = "by_kind")]
    #[schema(value_type = BTreeMap<String, PaceDto>)]
    kinds: BTreeMap<Kind, PaceDto>,
    /// For one model or alias, as it is asked for.
    models: BTreeMap<String, PaceDto>,
}

/// Read by name first: a map's keys have no path of their own that an error could tell.
fn by_kind<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Kind, PaceDto>, D::Error> {
    let named = BTreeMap::<String, PaceDto>::deserialize(deserializer)?;
    let known = |(name, pace): (String, PaceDto)| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
        let missing = || de::Error::custom(format!("there is no kind {name:?}"));
        kind.map(|kind| (kind, pace)).ok_or_else(missing)
    };
    named.into_iter().map(known).collect()
}

/// How fast.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PaceDto {
    /// Accepted generation POSTs within any minute.
    requests_per_minute: Option<u32>,
    /// Generations under way at once.
    concurrent: Option<u32>,
}

impl From<Pace> for PaceDto {
    fn from(pace: Pace) -> Self {
        Self { requests_per_minute: pace.requests_per_minute, concurrent: pace.concurrent }
    }
}

impl From<PaceDto> for Pace {
    fn from(dto: PaceDto) -> Self {
        Self { requests_per_minute: dto.requests_per_minute, concurrent: dto.concurrent }
    }
}

impl LimitsDto {
    /// The models and aliases that it names.
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
}

impl From<&Limits> for LimitsDto {
    fn from(limits: &Limits) -> Self {
        let Pace { requests_per_minute, concurrent } = limits.all;
        Self {
            requests_per_minute,
            concurrent,
            kinds: limits.kinds.iter().map(|(kind, pace)| (*kind, (*pace).into())).collect(),
            models: limits
                .models
                .iter()
                .map(|(name, pace)| (name.clone(), (*pace).into()))
                .collect(),
        }
    }
}

impl From<LimitsDto> for Limits {
    fn from(dto: LimitsDto) -> Self {
        Self {
            all: Pace { requests_per_minute: dto.requests_per_minute, concurrent: dto.concurrent },
            kinds: dto.kinds.into_iter().map(|(kind, pace)| (kind, pace.into())).collect(),
            models: dto.models.into_iter().map(|(name, pace)| (name, pace.into())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{json::parse, patch::given};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default, deserialize_with = "given")]
        budget: Option<Option<BudgetsDto>>,
        #[serde(default)]
        limits: LimitsDto,
    }

    #[test]
    fn budgets_are_one_or_several_and_go_out_as_they_came_in() {
        let body: Body = parse(br#"{"budget": {"limit_usd": "50"}}"#).unwrap();
        let budgets = body.budget.unwrap().unwrap().into_budgets();
        let wanted = Budget {
            limit: Some(MicroUsd::from_micros(50_000_000)),
            outputs: None,
            period: Period::Month,
            hard: true,
            alert_at: Vec::new(),
        };
        assert_eq!(budgets, [wanted]);
        let shown = serde_json::to_value(BudgetsDto::of(&budgets)).unwrap();
        let wanted = serde_json::json!({"limit_usd": "50.000000", "limit_outputs": null,
            "period": "month", "hard": true, "alert_at": []});
        assert_eq!(shown, wanted);

        let two = br#"{"budget": [{"limit_usd": 5, "period": "day", "alert_at": [50]},
            {"limit_outputs": 10, "hard": false}]}"#;
        let budgets = parse::<Body>(two).unwrap().budget.unwrap().unwrap().into_budgets();
        assert_eq!(budgets[0].limit.map(MicroUsd::micros), Some(5_000_000));
        assert_eq!((budgets[0].period, &budgets[0].alert_at), (Period::Day, &vec![50]));
        assert_eq!((budgets[1].outputs, budgets[1].hard), (Some(10), false));
        assert_eq!(budgets[1].alert_at, [100]);
        let again: BudgetsDto =
            serde_json::from_value(serde_json::to_value(BudgetsDto::of(&budgets)).unwrap())
                .unwrap();
        assert_eq!(again.into_budgets(), budgets);

        assert!(parse::<Body>(br#"{"budget": null}"#).unwrap().budget.unwrap().is_none());
        assert!(parse::<Body>(b"{}").unwrap().budget.is_none());
        assert!(BudgetsDto::of(&[]).is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        for (body, param) in [
            (r#"{"budget": {"limit_usd": "-1"}}"#, "budget.limit_usd"),
            (r#"{"budget": {"limit_usd": "five"}}"#, "budget.limit_usd"),
            (r#"{"budget": {"limit_outputs": -1}}"#, "budget.limit_outputs"),
            (r#"{"budget": {"limit": "5"}}"#, "budget.limit"),
            (r#"{"budget": [{}, {"period": "year"}]}"#, "budget[1].period"),
            (r#"{"budget": [{"alert_at": [300]}]}"#, "budget[0].alert_at[0]"),
            (r#"{"budget": 7}"#, "budget"),
            (r#"{"budget": "50"}"#, "budget"),
            (r#"{"limits": {"kinds": {"smell": {}}}}"#, "limits.kinds"),
            (r#"{"limits": {"kinds": {"video": {"rpm": 1}}}}"#, "limits.kinds.video.rpm"),
            (
                r#"{"limits": {"models": {"photo": {"concurrent": -1}}}}"#,
                "limits.models.photo.concurrent",
            ),
            (r#"{"limits": {"concurrent": "2"}}"#, "limits.concurrent"),
        ] {
            let refusal = parse::<Body>(body.as_bytes()).unwrap_err();
            assert_eq!(refusal.param.as_deref(), Some(param), "{body}: {}", refusal.message);
        }
    }

    #[test]
    fn limits_go_out_as_they_came_in() {
        let body =
            br#"{"limits": {"requests_per_minute": 60, "kinds": {"video": {"concurrent": 2}},
            "models": {"photo": {"requests_per_minute": 5}}}}"#;
        let limits = Limits::from(parse::<Body>(body).unwrap().limits);
        assert_eq!(limits.all.requests_per_minute, Some(60));
        assert_eq!(limits.kinds[&Kind::Video].concurrent, Some(2));
        let shown = serde_json::to_value(LimitsDto::from(&limits)).unwrap();
        let wanted = serde_json::json!({"requests_per_minute": 60, "concurrent": null,
            "kinds": {"video": {"requests_per_minute": null, "concurrent": 2}},
            "models": {"photo": {"requests_per_minute": 5, "concurrent": null}}});
        assert_eq!(shown, wanted);
    }
}

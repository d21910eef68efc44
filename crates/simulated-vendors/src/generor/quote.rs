//! What a call will cost, by the catalogue, and what it then does cost; how long it will take; what was snapped.

use serde_json::{Map, Value, json};

use super::{
    catalogue::{Model, Unit},
    generators::Generator,
    order::Order,
    settings::Settings,
};

/// The page: «count% off, capped at 10%».
const MOST_PERCENT_OFF: u32 = 10;
/// From so many recent generations on, an estimate of time is theirs.
const ENOUGH_SAMPLES: usize = 3;

/// Credits before the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quote {
    pub(crate) total: u64,
    per_item: u64,
    count: u32,
    discount: u64,
    discount_percent: u32,
}

impl Quote {
    pub(crate) fn of(
        order: &Order,
        model: &Model,
        generator: &Generator,
        settings: &Settings,
    ) -> Self {
        Self::at(item(order, model, generator, 1), order.count, settings)
    }

    fn at(per_item: u64, count: u32, settings: &Settings) -> Self {
        let whole = per_item.saturating_mul(u64::from(count));
        let is_bulk = count >= settings.discount_from;
        let discount_percent = if is_bulk { count.min(MOST_PERCENT_OFF) } else { 0 };
        // Rounded down, as in the page's example: 5 % off 15 are 0.
        let discount = whole.saturating_mul(u64::from(discount_percent)) / 100;
        Self { total: whole - discount, per_item, count, discount, discount_percent }
    }

    pub(crate) fn shown(&self) -> Value {
        json!({
            "total": self.total,
            "per_item": self.per_item,
            "count": self.count,
            "discount": self.discount,
            "discount_percent": self.discount_percent,
        })
    }
}

/// One item: the model's price, by its unit, times what the options multiply it by.
fn item(order: &Order, model: &Model, generator: &Generator, hundreds: u64) -> u64 {
    let units = match model.per {
        Unit::Item => 1,
        Unit::Second => u64::from(order.seconds.unwrap_or(1)),
        Unit::Characters => hundreds,
    };
    let audio = match &model.video {
        Some(video) if order.audio => video.audio_cost_multiplier,
        _ => 1,
    };
    let options = order.parameters.iter().map(|(id, value)| generator.multiplier(id, value));
    let times = options.fold(audio, u64::saturating_mul);
    model.credit_cost.saturating_mul(units).saturating_mul(times)
}

/// What is charged in the end: by the characters where the model is priced so, and off the estimate as set.
pub(crate) fn charged(
    order: &Order,
    model: &Model,
    generator: &Generator,
    settings: &Settings,
) -> u64 {
    let characters = u64::try_from(order.prompt.chars().count()).unwrap_or(u64::MAX);
    let hundreds = characters.div_ceil(100).max(1);
    let real = Quote::at(item(order, model, generator, hundreds), order.count, settings);
    let percent = settings.charged_percent.get(&order.model_id).copied().unwrap_or(100);
    real.total.saturating_mul(percent).div_ceil(100)
}

/// A charge as it is off by chance: one of the whole numbers within so many percent of it, each as likely as the others.
pub(crate) fn off_by_chance(credits: u64, percent: u8, random: u64) -> u64 {
    let most = credits.saturating_mul(u64::from(percent.min(100))) / 100;
    let numbers = most.saturating_mul(2).saturating_add(1);
    credits.saturating_sub(most).saturating_add(random % numbers)
}

/// By the last generations of that generator and model (milliseconds an item), or by the catalogue.
pub(crate) fn time(order: &Order, model: &Model, samples_ms: &[u64]) -> Value {
    let seconds = |ms: u64| ms.div_ceil(1000).max(1);
    let count = u64::from(order.count);
    let has_historical = samples_ms.len() >= ENOUGH_SAMPLES;
    let (per_item, least, most) = if has_historical {
        let number = u64::try_from(samples_ms.len()).unwrap_or(1);
        let average = samples_ms.iter().sum::<u64>() / number;
        let least = samples_ms.iter().min().copied().unwrap_or(average);
        let most = samples_ms.iter().max().copied().unwrap_or(average);
        (seconds(average), seconds(least), seconds(most))
    } else {
        let usual = u64::from(model.seconds.max(1));
        (usual, usual * 4 / 5, usual * 7 / 5)
    };
    json!({
        "seconds": per_item * count,
        "per_item": per_item,
        "min_seconds": least,
        "max_seconds": most,
        "sample_count": samples_ms.len(),
        "has_historical": has_historical,
        "source": if has_historical { "historical" } else { "fallback" },
    })
}

/// What was changed and is told: only a clip's length is.
pub(crate) fn adjust(data: &mut Map<String, Value>, order: &Order, model: &Model) {
    let (Some(asked), Some(video)) = (order.asked_seconds, &model.video) else { return };
    let seconds = json!({
        "requested": asked,
        "used": order.seconds,
        "supported": video.supported_durations,
        "reason": "snapped to nearest provider-supported duration",
    });
    data.insert("adjustments".to_owned(), json!({ "seconds": seconds }));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::off_by_chance;
    use crate::pictures::noise::mix;

    #[test]
    fn a_charge_is_off_by_chance_both_ways_evenly_and_no_further_than_set() {
        let mut seen = BTreeMap::new();
        for number in 0..7000 {
            *seen.entry(off_by_chance(400, 8, mix(number))).or_insert(0) += 1;
        }
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), (368..=432).collect::<Vec<_>>());
        let (least, most) = (seen.values().min().unwrap(), seen.values().max().unwrap());
        assert!(*least > 60 && *most < 170, "about 108 of each: {seen:?}");
        assert_eq!(off_by_chance(24, 8, 0), 23, "25.92 and 22.08 are no whole credits");
        assert_eq!((off_by_chance(24, 0, 9), off_by_chance(1, 8, 9)), (24, 1));
        assert_eq!(off_by_chance(400, 255, 0), 0, "no more than all of it");
    }
}

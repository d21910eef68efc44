use std::time::Duration;

use engine::Code;
use provider::{Calendar, Kind, Limits};
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::config::Environment;

const CONFIG: &str = "
providers:
  zekron: { accounts: { main: {} } }
  plan: { type: zsky, accounts: { main: { plan: { images: 7 } } } }
  generor: { accounts: { main: { tier: pro } } }
";

fn opener() -> Opener {
    let config = Config::from_text(None, Path::new("/etc"), CONFIG, &Environment::default());
    let clock = Arc::new(SystemClock);
    let client = provider_http::Client::new(provider_http::Settings::default(), clock).unwrap();
    Opener::new(&config.unwrap(), &Arc::new(client))
}

fn open(provider: &str, settings: &Value) -> engine::Result<Account> {
    opener().open(provider, "second", SecretString::from("a-key"), settings)
}

fn limits(provider: &str, settings: &Value) -> Limits {
    open(provider, settings).unwrap().limits
}

fn a_minute(limits: &Limits) -> u32 {
    let minute = limits.windows.iter().find(|window| window.span == Duration::from_secs(60));
    minute.unwrap().calls
}

#[test]
fn an_account_has_its_own_plan_tier_and_limits_and_not_another_ones() {
    let account = opener().open("plan", "b-1_C", "a-key".into(), &json!({})).unwrap();
    assert_eq!((account.id.as_str(), account.name.as_str()), ("plan/b-1_C", "b-1_C"));
    let images = |limits: &Limits| limits.allowance(Kind::Image, Calendar::Month).unwrap();
    assert_ne!(images(&account.limits), 7, "that is the other account's plan");
    let given = json!({ "plan": { "images": 9, "overage": { "enabled": true } } });
    let planned = limits("plan", &given);
    assert_eq!(images(&planned), 9);
    assert!(planned.overage.is_some());
    assert_eq!(a_minute(&limits("generor", &json!({}))), 30);
    assert_eq!(a_minute(&limits("generor", &json!({ "tier": "enterprise" }))), 300);
    let given = json!({ "limits": { "requests_per_minute": 11, "concurrent": 2 } });
    for provider in ["zekron", "plan", "generor"] {
        let limits = limits(provider, &given);
        assert_eq!((a_minute(&limits), limits.concurrent), (11, Some(2)), "{provider}");
    }
}

#[test]
fn what_a_configuration_could_not_say_is_refused_by_its_path() {
    let refused = |provider: &str, settings: Value| {
        let refusal = open(provider, &settings).unwrap_err();
        let place = refusal.param.clone().unwrap_or_default();
        assert!(!refusal.message.contains("accounts.second"), "{}", refusal.message);
        (refusal.code, place, refusal.message)
    };
    for (provider, settings, code, place) in [
        ("nowhere", json!({}), Code::InvalidRequest, "provider"),
        ("zekron", json!({ "tier": "pro" }), Code::UnsupportedParameter, "tier"),
        ("generor", json!({ "teir": "pro" }), Code::UnsupportedParameter, "teir"),
        ("generor", json!({ "tier": "gold" }), Code::InvalidRequest, "tier"),
        ("plan", json!({ "plan": { "imges": 1 } }), Code::UnsupportedParameter, "plan.imges"),
        ("plan", json!({ "plan": { "images": "many" } }), Code::InvalidRequest, "plan.images"),
        ("plan", json!({ "plan": { "images": 1.5 } }), Code::InvalidRequest, "plan.images"),
        ("plan", json!({ "plan": [1] }), Code::InvalidRequest, "plan"),
        (
            "plan",
            json!({ "safety": { "team_percent": 0 } }),
            Code::InvalidRequest,
            "safety.team_percent",
        ),
        (
            "zekron",
            json!({ "limits": { "concurent": 1 } }),
            Code::UnsupportedParameter,
            "limits.concurent",
        ),
        (
            "zekron",
            json!({ "limits": { "concurrent": 0 } }),
            Code::InvalidRequest,
            "limits.concurrent",
        ),
        ("zekron", json!({ "limits": 3 }), Code::InvalidRequest, "limits"),
    ] {
        let (found, at, message) = refused(provider, settings.clone());
        assert_eq!((found, at.as_str()), (code, place), "{provider} {settings}: {message}");
    }
    for name in ["", "a b", "a/b", "ä", &"a".repeat(65)] {
        let opened = opener().open("zekron", name, "a-key".into(), &json!({}));
        assert_eq!(opened.unwrap_err().param.as_deref(), Some("name"), "{name:?}");
    }
}

/// Other accounts' keys are nobody's business here.
#[test]
fn an_account_is_opened_with_its_own_key() {
    let with = opener();
    let given = with.providers.iter().find(|given| given.name == "zekron").unwrap();
    let alone = given.with_account("second", "a-key".into(), &json!({})).unwrap();
    let keys: Vec<&str> = alone.accounts.iter().map(|a| a.key.expose_secret()).collect();
    assert_eq!(keys, ["a-key"]);
    assert!(!format!("{with:?}").contains("zk_simulated"));
}

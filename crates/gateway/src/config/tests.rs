use secrecy::ExposeSecret;

use super::*;
use crate::registry;

/// The contract's example, word for word.
const CONTRACT: &str = include_str!("contract.yaml");

fn load_with(text: &str, environment: &Environment) -> Result<Config, Problems> {
    let file = Some(PathBuf::from("/etc/gateway.yaml"));
    Config::from_text(file, Path::new("/etc"), text, environment)
}

fn load(text: &str) -> Result<Config, Problems> {
    load_with(text, &Environment::default())
}

fn told(text: &str) -> String {
    load(text).map(|_| "nothing".to_owned()).unwrap_or_else(|problems| problems.to_string())
}

fn market(config: &Config) -> Result<engine::Market, Problems> {
    let clock = std::sync::Arc::new(provider::SystemClock);
    let client = provider_http::Client::new(provider_http::Settings::default(), clock).unwrap();
    registry::market(config, &registry::Simulated::new(), &std::sync::Arc::new(client))
}

#[test]
fn an_empty_file_has_the_contracts_defaults() {
    let config = load("").unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.request_timeout, Duration::from_secs(300));
    assert_eq!(config.server.shutdown_grace, Duration::from_secs(30));
    assert!(config.admin_key.is_none() && config.server.public_url.is_none());
    assert_eq!(config.storage.database, Path::new("/etc/data/atelier.db"));
    assert_eq!(config.storage.assets, Path::new("/etc/data/assets"));
    assert_eq!(config.storage.asset_ttl, Duration::from_secs(30 * 86_400));
    assert_eq!(config.storage.durability, Durability::Full);
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let retention = Retention { prompts: days(90), records: days(400), audit: days(730) };
    assert_eq!(config.retention, retention);
    assert!(config.server.trusted_proxies.is_empty());
    assert_eq!(config.cache.memory, 256 << 20);
    assert_eq!(config.fetch.max_bytes, 32 << 20);
    assert_eq!((config.routing.policy, config.routing.attempts), (Policy::Cost, 3));
    let told: Vec<_> = config.providers.iter().map(|p| (&*p.name, &p.base_url)).collect();
    assert_eq!(told, ["zekron", "zsky", "generor"].map(|name| (name, &BaseUrl::Simulated)));
    let keys = config.providers.iter().map(|p| p.accounts[0].key.expose_secret());
    assert_eq!(
        keys.collect::<Vec<_>>(),
        ["zk_simulated", "zsky_live_simulated", "gnr_live_simulated"]
    );
    let [photo, clip] = &config.models.aliases[..] else { panic!("{:?}", config.models) };
    let named = |alias: &AliasConfig| {
        alias.candidates.iter().map(|one| one.model.clone()).collect::<Vec<_>>()
    };
    assert_eq!(named(photo), ["zekron/zekron-image-1", "zsky/image", "generor/10003"]);
    assert_eq!(named(clip), ["zsky/video", "generor/20061"]);
    assert_eq!(config.models.defaults.len(), 2);
}

#[test]
fn the_contracts_example_is_good() {
    let config = load(CONTRACT).unwrap();
    assert_eq!(config.providers.len(), 3);
    assert!(!config.warnings.iter().any(|warning| warning.contains("providers")), "{config:?}");
    assert_eq!(config.server.public_url.as_deref(), Some("http://127.0.0.1:8080"));
    let market = market(&config).unwrap();
    assert_eq!(market.resolve(Some("photo"), None).unwrap().listings.len(), 3);
}

#[test]
fn the_projects_own_file_says_the_defaults() {
    let (own, built_in) = (load(include_str!("../../../../gateway.yaml")), load(""));
    let (own, built_in) = (own.unwrap(), built_in.unwrap());
    assert_eq!(Summary(&own).to_string(), Summary(&built_in).to_string());
    assert_eq!(own.warnings, built_in.warnings);
    assert!(market(&own).is_ok());
}

#[test]
fn a_key_without_a_value_is_absent() {
    let config = load("server:\nadmin: { key: }\nproviders: { zekron: }\nmodels:").unwrap();
    assert_eq!(config.server.listen.port(), 8080);
    assert_eq!(config.providers[0].accounts[0].name, "main");
    assert_eq!(config.models.aliases.len(), 1);
}

#[test]
fn variables_lie_above_the_file() {
    let environment = Environment::of([
        ("ATELIER__SERVER__LISTEN", "[::1]:0"),
        ("ATELIER__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.1"),
        ("ATELIER__CACHE__ENABLED", "false"),
        ("ATELIER__ROUTING__ATTEMPTS", "7"),
        ("ATELIER__PROVIDERS__ZEKRON__ACCOUNTS__MAIN__LIMITS__CONCURRENT", "50"),
        ("ATELIER__PROVIDERS__ZEKRON__DIALECT", "preview"),
        ("ATELIER_ADMIN_KEY", "open sesame"),
        ("ATELIER", "no override"),
    ]);
    let config = load_with("server: { listen: 1.2.3.4:5 }\ncache: { enabled: true }", &environment);
    let config = config.unwrap();
    assert_eq!(config.server.listen.to_string(), "[::1]:0");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!(!config.cache.enabled);
    assert_eq!(config.routing.attempts, 7);
    assert_eq!(config.admin_key.unwrap().expose_secret(), "open sesame");
    assert_eq!(config.providers[0].accounts[0].limits.concurrent, Some(50));
}

#[test]
fn maps_of_the_file_replace_the_built_in_ones() {
    let config = load("providers: { own: { type: zekron } }").unwrap();
    assert_eq!(config.providers.len(), 1);
    assert!(config.models.aliases.is_empty(), "built-in aliases lost their only candidate");
    assert!(config.models.defaults.is_empty());
    let config = load("models: { art: { kind: image, candidates: [zekron/zekron-art] } }").unwrap();
    assert_eq!(config.models.aliases[0].name, "art");
    assert!(config.models.defaults.is_empty());
    assert!(market(&config).is_ok());
}

#[test]
fn a_real_vendor_needs_a_key_and_gets_its_own_limits() {
    let real = "providers: { zekron: { base_url: 'https://api.zekron.codes', accounts: \
                { main: { key: K, limits: { requests_per_minute: 6, requests_per_hour: 9 } } } } }";
    let config = load(&real.replace('K', "zk_real")).unwrap();
    let market = market(&config).unwrap();
    let accounts = market.vendor("zekron").unwrap().accounts();
    let limits = &accounts[0].limits;
    let calls: Vec<u32> = limits.windows.iter().map(|window| window.calls).collect();
    assert_eq!((calls, limits.concurrent), (vec![6, 9], Some(5)));
    insta::assert_snapshot!(told(&real.replace('K', "''")), @"/etc/gateway.yaml: providers.zekron.accounts.main.key: is empty; a vendor that is not simulated needs a key");
}

#[test]
fn every_problem_is_told_with_file_key_and_reason() {
    let wrong = r"
server: { lisen: 127.0.0.1:1, public_url: ftp://x, trusted_proxies: [nowhere, 10.0.0.0/8] }
admin: [a]
storage: { database: 'postgres://u:hunter2@h/db', shared: 'redis://:hunter2@h', assets: s3://b/c,
           asset_ttl: 0s, encryption_key: c2hvcnQ=, durability: some }
cache: { enabled: perhaps, ttl: 5, memory: 3 apples, scope: { a: 1 } }
fetch: { allow: ['a/b'], max_bytes: 0 }
routing: { policy: cheap, attempts: 0 }
logging: { level: debug }
timeout: 5s
";
    insta::assert_snapshot!(told(wrong), @r#"
        /etc/gateway.yaml: server.public_url: `ftp://x` is not an http or https address such as `https://atelier.example`
        /etc/gateway.yaml: server.trusted_proxies[0]: `nowhere` is not a network such as `10.0.0.0/8`
        /etc/gateway.yaml: server.lisen: this key is unknown; the nearest is `server.listen`
        /etc/gateway.yaml: admin: a table of keys belongs here, not a list
        /etc/gateway.yaml: storage.database: `postgres://..@h/db` is not served by this version yet; use `sqlite://` and a path
        /etc/gateway.yaml: storage.shared: `redis://..@h` is not served by this version yet; use `memory`
        /etc/gateway.yaml: storage.assets: `s3://b/c` is not served by this version yet; use `file://` and a path
        /etc/gateway.yaml: storage.asset_ttl: `0s` must be more than nothing
        /etc/gateway.yaml: storage.encryption_key: must be 32 bytes in base64, as `openssl rand -base64 32` makes them
        /etc/gateway.yaml: storage.durability: `some` is none of `full`, `process`
        /etc/gateway.yaml: cache.enabled: `perhaps` is neither `true` nor `false`
        /etc/gateway.yaml: cache.ttl: `5` is not a span of time such as `500ms`, `300s`, `24h` or `30d`
        /etc/gateway.yaml: cache.memory: `3 apples` is not a size such as `256MiB` or `64kB`
        /etc/gateway.yaml: cache.scope: a single value belongs here, not a table
        /etc/gateway.yaml: fetch.allow[0]: `a/b` is neither a network such as `10.0.0.0/8` nor a host's name
        /etc/gateway.yaml: fetch.max_bytes: `0` must be more than nothing
        /etc/gateway.yaml: routing.policy: `cheap` is none of `cost`, `latency`, `balanced`, `ordered`
        /etc/gateway.yaml: routing.attempts: `0` is not a whole number of at least 1
        /etc/gateway.yaml: logging: this key is unknown; the nearest is `routing`
        /etc/gateway.yaml: timeout: this key is unknown here; it belongs to `fetch.timeout`
        "#);
}

#[test]
fn problems_of_providers_name_the_whole_path() {
    let wrong = r"
providers:
  zekron: { dialekt: v1 }
  a: { type: zekron, dialect: v2 }
  b: { type: zecron }
  c: { type: zekron, acounts: {} }
  d: { type: zekron, accounts: { main: zk_secret } }
  e: { type: zekron, accounts: { main: { key: 12345, limits: { concurent: 5 } } } }
  f: { type: zsky, accounts: { main: { plan: { imges: 5 } } } }
  g: { type: zsky, accounts: { main: { plan: { images: many } } } }
  h: { type: generor, privacy: secret }
  i: { type: generor, accounts: { main: { teir: free } } }
  j: { type: zekron, base_url: 'https://user:hunter2@host' }
  k/l: { type: zekron }
  m: { type: generor, base_url: elsewhere, usd_per_credit: -x }
  n: { type: zekron, accounts: { main: { kye: zk_secret } } }
";
    insta::assert_snapshot!(told(wrong), @r#"
        /etc/gateway.yaml: providers.zekron.dialekt: this key is unknown; the nearest is `providers.zekron.dialect`
        /etc/gateway.yaml: providers.a.dialect: `v2` is not `v1` or `preview`
        /etc/gateway.yaml: providers.b.type: `zecron` is none of `zekron`, `zsky`, `generor`
        /etc/gateway.yaml: providers.c.acounts: this key is unknown; the nearest is `providers.c.accounts`
        /etc/gateway.yaml: providers.d.accounts.main: a table of keys belongs here, not a single value
        /etc/gateway.yaml: providers.e.accounts.main.limits.concurent: this key is unknown; the nearest is `providers.e.accounts.main.limits.concurrent`
        /etc/gateway.yaml: providers.e.accounts.main.key: write it in quotes, or YAML changes it
        /etc/gateway.yaml: providers.f.accounts.main.plan.imges: this key is unknown; the nearest is `providers.f.accounts.main.plan.images`
        /etc/gateway.yaml: providers.g.accounts.main.plan.images: `many` is not a whole number that fits
        /etc/gateway.yaml: providers.h.privacy: `secret` is not `private` or `public`
        /etc/gateway.yaml: providers.i.accounts.main.teir: this key is unknown; the nearest is `providers.i.accounts.main.tier`
        /etc/gateway.yaml: providers.j.base_url: `https://..@host` must not carry credentials
        /etc/gateway.yaml: providers.k/l: a name has letters, digits, `-` and `_` only
        /etc/gateway.yaml: providers.m.base_url: `elsewhere` is not an http or https address such as `https://atelier.example`
        /etc/gateway.yaml: providers.m.usd_per_credit: not a decimal amount in US dollars
        /etc/gateway.yaml: providers.n.accounts.main.kye: this key is unknown; the nearest is `providers.n.accounts.main.key`
        "#);
}

#[test]
fn problems_of_models_name_the_whole_path() {
    let wrong = r"
models:
  a/b: { kind: image, candidates: [] }
  photo: { kind: picture, candidates: [zekron/zekron-image-1] }
  other: { kind: image, candidates: [zekron, nobody/model] }
  third: { knd: image }
  clip: { kind: video, candidates: [] }
  default: { image: clip, video: nothing, picture: clip }
";
    insta::assert_snapshot!(told(wrong), @r#"
        /etc/gateway.yaml: models.a/b: the name of an alias has no `/`
        /etc/gateway.yaml: models.photo.kind: `picture` is none of `image`, `video`, `text`, `vision`, `speech`, `music`, `sound_effect`, `upscale`, `vector`, `background_removal`
        /etc/gateway.yaml: models.other.candidates[0]: `zekron` is not `provider/model`
        /etc/gateway.yaml: models.other.candidates[1]: `nobody/model` names the provider `nobody`, which is not configured
        /etc/gateway.yaml: models.third.kind: an alias needs this key
        /etc/gateway.yaml: models.third.candidates: an alias needs this key
        /etc/gateway.yaml: models.third.knd: this key is unknown; the nearest is `models.third.kind`
        /etc/gateway.yaml: models.default.image: names the alias `clip`, which makes video, not image
        /etc/gateway.yaml: models.default.video: names the alias `nothing`, which is not there
        /etc/gateway.yaml: models.default.picture: this key is unknown; the nearest is `models.default.vector`
        "#);
}

#[test]
fn only_the_adapters_know_their_models() {
    let config = load(
        "models: { a: { kind: image, candidates: [zekron/zekron-image-l] }, b: { \
         kind: video, candidates: [zekron/zekron-xl] } }",
    );
    insta::assert_snapshot!(market(&config.unwrap()).unwrap_err(), @r#"
        /etc/gateway.yaml: models.a.candidates: `zekron/zekron-image-l`: zekron has no such model; the nearest is `zekron/zekron-image-1`
        /etc/gateway.yaml: models.b.candidates: `zekron/zekron-xl` makes image, not video
        "#);
}

#[test]
fn problems_of_layers_and_references_say_where_they_are() {
    let environment = Environment::of([
        ("ATELIER__SERVER__LISTN", "x"),
        ("ATELIER__FETCH__TIMEOUT", "soon"),
        ("ATELIER__ADMIN__KEY", "${NOT_THERE}"),
        ("SECRET", "hunter2"),
    ]);
    let text = "server: { listen: '${UNSET}' }\nrouting: { policy: '${SECRET}' }";
    let problems = load_with(text, &environment).unwrap_err().to_string();
    insta::assert_snapshot!(problems, @r#"
        /etc/gateway.yaml: server.listen: the environment variable UNSET is not set; set it, or write `${UNSET:-default}`
        environment variable ATELIER__ADMIN__KEY: admin.key: the environment variable NOT_THERE is not set; set it, or write `${NOT_THERE:-default}`
        environment variable ATELIER__SERVER__LISTN: server.listn: this key is unknown; the nearest is `server.listen`
        environment variable ATELIER__FETCH__TIMEOUT: fetch.timeout: `soon` is not a span of time such as `500ms`, `300s`, `24h` or `30d`
        /etc/gateway.yaml: routing.policy: `${SECRET}` is none of `cost`, `latency`, `balanced`, `ordered`
        "#);
    let without = Config::from_text(None, Path::new(""), "", &environment).unwrap_err().to_string();
    assert!(!without.contains("gateway.yaml"), "{without}");
}

#[test]
fn no_secret_is_ever_shown() {
    let text = "admin: { key: hunter2 }\nstorage: { encryption_key: \
                AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= }\nproviders: { zekron: { \
                base_url: 'https://api.zekron.codes', accounts: { main: { key: hunter2 } } } }";
    let config = load(text).unwrap();
    let shown = format!("{config:?} {}", Summary(&config));
    assert!(!shown.contains("hunter2") && !shown.contains("AAAA"), "{shown}");
    insta::assert_snapshot!(Summary(&config), @r#"
        server     listens on 127.0.0.1:8080
                   requests end after 5m, shutting down waits 30s
        admin      key set
        storage    database /etc/data/atelier.db
                   a commit survives a power cut
                   assets /etc/data/assets, kept for 30days
                   encryption key set
        retention  prompts for 90 days
                   records for 400 days, audit for 730 days
        cache      1day, per team, 256MiB
        fetch      public addresses and nothing else, up to 32MiB within 20s
        provider   zekron: https://api.zekron.codes, accounts main
        model      photo: image (default): zekron/zekron-image-1
        routing    cost, 3 attempts
        "#);
}

#[test]
fn retention_is_a_period_or_never_and_prompts_go_first() {
    let never = load("retention: { prompts: never, records: never, audit: never }").unwrap();
    let none = Retention { prompts: None, records: None, audit: None };
    assert_eq!(never.retention, none);
    assert_eq!(
        load("retention: { prompts: 400d }").unwrap().retention.prompts,
        Some(Duration::from_secs(400 * 86_400))
    );
    for (text, wanted) in [
        ("retention: { records: 30d }", "retention.prompts: prompts are part of the records"),
        ("retention: { prompts: never }", "retention.prompts: prompts are part of the records"),
        ("retention: { audit: 0s }", "retention.audit: `0s` must be more than nothing"),
        ("retention: { audit: soon }", "retention.audit: `soon` is neither `never` nor a span"),
        ("retention: { prompt: 30d }", "the nearest is `retention.prompts`"),
    ] {
        assert!(told(text).contains(wanted), "{text}: {}", told(text));
    }
}

const CHOOSING: &str = "
providers:
  zekron: { accounts: { main: {} } }
  zsky: { accounts: { main: {} } }
models:
  photo:
    kind: image
    candidates: [zekron/zekron-image-1, { model: zsky/image, weight: 3 }]
    policy: balanced
    second_usd: 0.002
    canary: { model: zekron/zekron-xl, share: 0.05 }
    shadow: { model: zekron/zekron-xl, share: 0.01, budget: { limit_usd: '2.50', period: week } }
routing: { policy: latency, second_usd: 0.01 }
";

#[test]
fn an_alias_says_how_one_of_its_candidates_is_chosen() {
    let config = load(CHOOSING).unwrap();
    assert_eq!(config.routing.second_price, MicroUsd::from_micros(10_000));
    let market = market(&config).unwrap();
    let alias = market.aliases().find(|alias| alias.name == "photo").unwrap();
    assert_eq!(alias.candidates, ["zekron/zekron-image-1", "zsky/image"]);
    let rules = &alias.rules;
    assert_eq!(rules.policy, Some(Policy::Balanced));
    assert_eq!(rules.second_price, Some(MicroUsd::from_micros(2_000)));
    assert_eq!(rules.weights, [("zsky/image".to_owned(), 3)].into());
    let canary = rules.canary.as_ref().map(|canary| (&*canary.model, canary.per_million));
    assert_eq!(canary, Some(("zekron/zekron-xl", 50_000)));
    let shadow = engine::Shadow {
        model: "zekron/zekron-xl".to_owned(),
        per_million: 10_000,
        limit: MicroUsd::from_micros(2_500_000),
        period: records::Period::Week,
    };
    assert_eq!(rules.shadow.as_ref(), Some(&shadow));
    assert_eq!(market.resolve(Some("photo"), None).unwrap().listings.len(), 3);
    let shown = Summary(&config).to_string();
    let line = "photo: image: zekron/zekron-image-1, zsky/image (weight 3); \
                canary zekron/zekron-xl, 5.0000 %; \
                shadow zekron/zekron-xl, 1.0000 %, 2.500000 USD (week); balanced";
    assert!(shown.contains(line), "{shown}");
    assert_eq!(load("").unwrap().routing.second_price, routing::SECOND_PRICE);
}

#[test]
fn a_choice_that_makes_no_sense_is_told_by_its_path() {
    for (was, is, said) in [
        (
            "weight: 3",
            "wieght: 3",
            "candidates[1].wieght: this key is unknown; the nearest is `models.photo.candidates[1].weight`",
        ),
        ("weight: 3", "weight: -1", "candidates[1].weight: `-1` is not a weight from 0 to 1000"),
        ("model: zsky/image, ", "", "candidates[1].model: the name of a model belongs here"),
        (
            "zsky/image",
            "nobody/image",
            "candidates[1].model: `nobody/image` names the provider `nobody`",
        ),
        ("policy: balanced", "policy: luck", "models.photo.policy: `luck` is none of"),
        ("second_usd: 0.002", "second_usd: -1", "models.photo.second_usd: `-1` is not an amount"),
        ("share: 0.05", "share: 1.5", "canary.share: `1.5` is not a share from 0 to 1"),
        (", share: 0.05", "", "canary.share: it needs its share"),
        (
            "share: 0.05",
            "shaer: 0.05",
            "canary.shaer: this key is unknown; the nearest is `models.photo.canary.share`",
        ),
        (
            "limit_usd: ",
            "limit: ",
            "shadow.budget.limit: this key is unknown; the nearest is `models.photo.shadow.budget.limit_usd`",
        ),
        ("period: week", "period: year", "shadow.budget.period: `year` is none of"),
        (
            "shadow:",
            "shade:",
            "models.photo.shade: this key is unknown; the nearest is `models.photo.shadow`",
        ),
        (
            "canary:",
            "canray:",
            "models.photo.canray: this key is unknown; the nearest is `models.photo.canary`",
        ),
        (
            "second_usd: 0.01 ",
            "second: 0.01 ",
            "routing.second: this key is unknown; the nearest is `routing.second_usd`",
        ),
    ] {
        let told = told(&CHOOSING.replacen(was, is, 1));
        assert!(told.contains(said), "{is}: {told}");
    }
    let unknown = load(&CHOOSING.replace("zekron-xl", "zekron-xxl")).unwrap();
    let told = market(&unknown).unwrap_err().to_string();
    let said =
        "models.photo.canary.model: `zekron/zekron-xxl`: zekron has no such model; the nearest is";
    assert!(told.contains(said), "{told}");
}

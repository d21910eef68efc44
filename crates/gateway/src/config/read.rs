//! From the tree to values, section by section.

use std::path::Path;

use records::sqlite::Durability;

use super::{
    Cache, CacheScope, Config, Fetch, Retention, Routing, Server, Storage, models, providers,
    section::Section, values,
};

/// Reads a whole tree; `None` only where a problem was told.
pub(super) fn whole(mut root: Section<'_>, folder: &Path) -> Option<Config> {
    let mut warnings = Vec::new();
    let server = read_server(root.section("server"));
    let mut admin = root.section("admin");
    let admin_key = admin.secret("key", Ok);
    admin.finish();
    let storage = read_storage(root.section("storage"), folder, &mut warnings);
    let retention = read_retention(root.section("retention"));
    let cache = read_cache(root.section("cache"));
    let fetch = read_fetch(root.section("fetch"));
    let providers = providers::read(root.section("providers"));
    let models = models::read(root.section("models"), &providers);
    let routing = read_routing(root.section("routing"));
    root.finish();
    Some(Config {
        file: None,
        server: server?,
        admin_key,
        storage: storage?,
        retention: retention?,
        cache: cache?,
        fetch: fetch?,
        providers,
        models,
        routing: routing?,
        warnings,
    })
}

fn read_server(mut section: Section<'_>) -> Option<Server> {
    let listen = section.value("listen", values::address);
    let public_url = section.value("public_url", |text| match text {
        "" => Ok(None),
        text => values::http_url(text).map(Some),
    });
    let trusted_proxies = section.list("trusted_proxies", values::network);
    let request_timeout = section.value("request_timeout", values::some_span);
    let shutdown_grace = section.value("shutdown_grace", values::span);
    section.finish();
    Some(Server {
        listen: listen?,
        public_url: public_url.flatten(),
        trusted_proxies,
        request_timeout: request_timeout?,
        shutdown_grace: shutdown_grace?,
    })
}

fn read_storage(
    mut section: Section<'_>,
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Option<Storage> {
    let path = |scheme: &'static str, others: &'static [&'static str], what: &'static str| {
        let folder = folder.to_path_buf();
        move |text: &str| match text.strip_prefix(scheme) {
            Some("") => Err(format!("names no path; write `{scheme}` and a path")),
            Some(path) => Ok(folder.join(path)),
            None if others.iter().any(|other| text.starts_with(other)) => {
                Err(format!("is not served by this version yet; use {what}"))
            }
            None => Err(format!("is not {what}")),
        }
    };
    const DATABASES: &[&str] = &["postgres://", "postgresql://"];
    let sqlite = path("sqlite://", DATABASES, "`sqlite://` and a path");
    let database = section.value("database", sqlite);
    const SHARED: &[&str] = &["redis://", "rediss://", "redis+cluster://"];
    let shared = section.value("shared", |text| match text {
        "memory" => Ok(()),
        text if SHARED.iter().any(|scheme| text.starts_with(scheme)) => {
            Err("is not served by this version yet; use `memory`".to_owned())
        }
        _ => Err("is not `memory`".to_owned()),
    });
    let assets = section.value("assets", path("file://", &["s3://"], "`file://` and a path"));
    let asset_ttl = section.value("asset_ttl", values::some_span);
    let encryption_key = section.secret("encryption_key", |secret| values::key_bytes(&secret));
    if encryption_key.is_none() {
        warnings.push(
            "storage.encryption_key is empty: a key file beside the database seals stored \
             credentials; keep a copy of it, or give a key"
                .to_owned(),
        );
    }
    const DURABILITIES: &[(&str, Durability)] =
        &[("full", Durability::Full), ("process", Durability::Process)];
    let durability = section.value("durability", |text| values::one_of(DURABILITIES, text));
    section.finish();
    shared?;
    Some(Storage {
        database: database?,
        assets: assets?,
        asset_ttl: asset_ttl?,
        encryption_key,
        durability: durability?,
    })
}

fn read_retention(mut section: Section<'_>) -> Option<Retention> {
    let prompts = section.value("prompts", values::span_or_never);
    let records = section.value("records", values::span_or_never);
    let audit = section.value("audit", values::span_or_never);
    let (prompts, records, audit) = (prompts?, records?, audit?);
    let too_long = records.is_some_and(|records| prompts.is_none_or(|prompts| prompts > records));
    if too_long {
        let reason = "prompts are part of the records: they cannot be kept longer than \
                      `retention.records`";
        section.problem("prompts", reason);
    }
    section.finish();
    Some(Retention { prompts, records, audit })
}

fn read_cache(mut section: Section<'_>) -> Option<Cache> {
    const SCOPES: &[(&str, CacheScope)] =
        &[("team", CacheScope::Team), ("global", CacheScope::Global)];
    let enabled = section.value("enabled", values::flag);
    let ttl = section.value("ttl", values::some_span);
    let memory = section.value("memory", values::bytes);
    let scope = section.value("scope", |text| values::one_of(SCOPES, text));
    let idle = section.value("idle", values::span_or_never);
    let variants = section.value("variants", |text| values::one_of(values::VARIANTS, text));
    let mut similar = section.section("similar");
    let near = similar.value("enabled", values::flag);
    let threshold = similar.value("threshold", values::thousandths);
    similar.finish();
    section.finish();
    Some(Cache {
        enabled: enabled?,
        ttl: ttl?,
        memory: memory?,
        scope: scope?,
        idle: idle?,
        variants: variants?,
        similar: near?.then_some(threshold?),
    })
}

fn read_fetch(mut section: Section<'_>) -> Option<Fetch> {
    let allow = section.list("allow", |text| match assets::Allow::parse(&[text]) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("is neither a network such as `10.0.0.0/8` nor a host's name".to_owned()),
    });
    let max_bytes = section.value("max_bytes", |text| match values::bytes(text)? {
        0 => Err("must be more than nothing".to_owned()),
        bytes => Ok(bytes),
    });
    let timeout = section.value("timeout", values::some_span);
    section.finish();
    Some(Fetch { allow, max_bytes: max_bytes?, timeout: timeout? })
}

fn read_routing(mut section: Section<'_>) -> Option<Routing> {
    let policy = section.value("policy", values::policy);
    let second_price = section.value("second_usd", values::dollars);
    let attempts = section.value("attempts", values::count);
    section.finish();
    Some(Routing { policy: policy?, second_price: second_price?, attempts: attempts? })
}

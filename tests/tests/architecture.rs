//! The arrows of `ARCHITECTURE.md`, held against what cargo really builds.

#![expect(clippy::expect_used, reason = "a helper of tests fails by panicking, like the tests")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// What each room may depend on among our own, for everything that ships. Down, never up or sideways.
const ARROWS: &[(&str, &[&str])] = &[
    ("provider", &[]),
    ("provider-http", &["provider"]),
    ("provider-zekron", &["provider", "provider-http"]),
    ("provider-generor", &["provider", "provider-http"]),
    ("provider-zsky", &["provider", "provider-http"]),
    ("provider-conformance", &["provider"]),
    ("simulated-vendors", &[]),
    ("routing", &["provider"]),
    ("records", &["provider"]),
    ("coordination", &["provider"]),
    ("assets", &["provider"]),
    ("engine", &["provider", "routing", "records", "coordination", "assets"]),
    (
        "gateway",
        &[
            "provider",
            "provider-http",
            "provider-zekron",
            "provider-generor",
            "provider-zsky",
            "simulated-vendors",
            "engine",
            "routing",
            "records",
            "coordination",
            "assets",
        ],
    ),
    ("tests", &["gateway", "simulated-vendors"]),
];

/// Crates that only these rooms may know.
const FOREIGN: &[(&str, &[&str])] = &[
    ("actix-web", &["gateway"]),
    ("reqwest", &["provider-http", "assets", "gateway"]),
    ("rusqlite", &["records"]),
    ("object_store", &["assets"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().expect("cargo metadata runs")
}

fn ours(package: &Package, names: &BTreeSet<String>, kinds: &[DependencyKind]) -> Vec<String> {
    let mut found: Vec<String> = package
        .dependencies
        .iter()
        .filter(|d| kinds.contains(&d.kind) && names.contains(d.name.as_str()))
        .map(|d| d.name.to_string())
        .collect();
    found.sort();
    found
}

#[test]
fn every_arrow_points_down() {
    let metadata = metadata();
    let names: BTreeSet<String> = metadata.packages.iter().map(|p| p.name.to_string()).collect();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(allowed) = arrows.get(package.name.as_str()) else {
            // An adapter knows the vocabulary and the client, and no other adapter.
            let adapter = package.name.starts_with("provider-");
            assert!(adapter, "{} is a new room: draw its arrows first", package.name);
            continue;
        };
        for dependency in ours(package, &names, &[DependencyKind::Normal, DependencyKind::Build]) {
            if !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{} -> {dependency}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that ARCHITECTURE.md does not have: {wrong:?}");
}

#[test]
fn adapters_know_no_other_adapter() {
    let metadata = metadata();
    let names: BTreeSet<String> = metadata.packages.iter().map(|p| p.name.to_string()).collect();
    let shared = ["provider", "provider-http"];
    for package in &metadata.packages {
        let is_adapter = package.name.starts_with("provider-")
            && !["provider-http", "provider-conformance"].contains(&package.name.as_str());
        if is_adapter {
            for dependency in ours(package, &names, &[DependencyKind::Normal]) {
                assert!(shared.contains(&dependency.as_str()), "{} -> {dependency}", package.name);
            }
        }
    }
}

#[test]
fn some_crates_are_known_in_one_room_only() {
    for package in &metadata().packages {
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let rule = FOREIGN.iter().find(|(name, _)| *name == dependency.name);
            if let Some((name, rooms)) = rule {
                assert!(rooms.contains(&package.name.as_str()), "{} -> {name}", package.name);
            }
        }
    }
}

#[test]
fn a_vendors_name_stays_in_its_rooms() {
    // The engine, the rooms below it and the vocabulary know no vendor; neither do the HTTP surfaces.
    let root = metadata().workspace_root;
    let rooms = [
        "crates/engine/src",
        "crates/routing/src",
        "crates/records/src",
        "crates/coordination/src",
        "crates/assets/src",
        "crates/provider-http/src",
        "crates/provider-conformance/src",
        "crates/gateway/src/http",
    ];
    let mut found = Vec::new();
    for room in rooms {
        walk(root.join(room).as_std_path(), &mut |path, text| {
            for (number, line) in text.lines().enumerate() {
                let code = line.trim_start();
                let names = ["zekron", "zsky", "generor"];
                let lower = code.to_lowercase();
                let comment = code.starts_with("//") || code.starts_with("#[schema(example");
                if !comment
                    && names.iter().any(|name| lower.contains(name))
                    && !is_test(path, text, number)
                {
                    found.push(format!("{}:{}", path.display(), number + 1));
                }
            }
        });
    }
    assert!(found.is_empty(), "vendors' names outside their rooms: {found:#?}");
}

/// Tests, suites of them and examples in documentation may speak of real vendors.
fn is_test(path: &std::path::Path, text: &str, line: usize) -> bool {
    let named = ["test", "/suite"].iter().any(|part| path.to_string_lossy().contains(part));
    let first = text.lines().position(|l| l.trim_start().starts_with("#[cfg(test)]"));
    named || first.is_some_and(|first| line > first)
}

fn walk(folder: &std::path::Path, visit: &mut impl FnMut(&std::path::Path, &str)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file is readable");
            visit(&path, &text);
        }
    }
}

#[test]
fn every_member_inherits_the_lints() {
    for package in &metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has its own lints",
            package.name
        );
    }
}

//! What a fourth vendor takes: a tiny one is kept as a patch, and adding it is tried.
//!
//! The patch goes onto a copy of the tree. There its adapter passes the whole conformance suite, the
//! gateway builds with it, and no more than twenty lines of files that were there before have changed.
//! `tests/fourth-vendor/README.md` says how the patch is renewed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests fails by panicking, like the tests"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cargo_metadata::MetadataCommand;

/// What is allowed to change of what was there before, in lines.
const MOST_LINES: usize = 20;

const RENEW: &str = "tests/fourth-vendor/README.md says how the patch is renewed";

/// Names of what git does not keep, as `.gitignore` has them.
const NOT_KEPT: [&str; 6] = [".git", "target", "data", "bench-results", "node_modules", ".venv"];

/// Files by their paths.
#[derive(Debug)]
struct Tree(BTreeMap<PathBuf, Vec<u8>>);

impl Tree {
    fn read(root: &Path) -> Self {
        let mut files = BTreeMap::new();
        gather(root, Path::new(""), &mut files);
        Self(files)
    }

    /// Makes a folder equal to it. What is equal already is not touched, so that cargo builds nothing anew
    /// for it.
    fn lay_at(&self, root: &Path) {
        for path in Self::read(root).0.keys().filter(|path| !self.0.contains_key(*path)) {
            fs::remove_file(root.join(path)).expect("a file of an earlier tree goes");
        }
        for (path, bytes) in &self.0 {
            let place = root.join(path);
            if fs::read(&place).is_ok_and(|there| there == *bytes) {
                continue;
            }
            fs::create_dir_all(place.parent().expect("a folder")).expect("a folder is made");
            fs::write(&place, bytes).expect("a file is written");
        }
    }
}

fn gather(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
        let Ok(kind) = entry.file_type() else { continue };
        if NOT_KEPT.iter().any(|not| name == *not) {
            continue;
        }
        if kind.is_dir() {
            gather(root, &path, files);
        } else if kind.is_file()
            // Somebody may work in the tree: what has gone since it was listed is not there.
            && let Ok(bytes) = fs::read(root.join(&path))
        {
            files.insert(path, bytes);
        }
    }
}

/// With git, or with patch where there is no git.
fn apply(patch: &Path, folder: &Path) {
    // A repository around the temporary folder would have its own idea of what the paths mean.
    let ceiling = folder.parent().expect("a folder around it");
    let git = run("git", folder, |git| {
        git.args(["apply", "--whitespace=nowarn"]).arg(patch);
        git.env("GIT_CEILING_DIRECTORIES", ceiling);
    });
    let output = git.or_else(|| {
        run("patch", folder, |gnu| {
            gnu.args(["-p1", "-i"]).arg(patch);
        })
    });
    let output = output.expect("git or patch is installed");
    assert!(output.status.success(), "the patch no longer applies: {RENEW}\n{}", said(&output));
}

/// None where there is no such program.
fn run(program: &str, folder: &Path, arguments: impl FnOnce(&mut Command)) -> Option<Output> {
    let mut command = Command::new(program);
    command.current_dir(folder);
    arguments(&mut command);
    match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        output => Some(output.unwrap_or_else(|error| panic!("{program}: {error}"))),
    }
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// The lines that a patch adds to, and takes from, files that are in the tree.
fn changed_lines(patch: &str, tree: &Tree) -> BTreeMap<String, usize> {
    let mut changed = BTreeMap::new();
    let (mut file, mut is_in_hunk) = (None, false);
    for line in patch.lines() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            let name = names.split(" b/").next().and_then(|name| name.strip_prefix("a/"));
            let name = name.unwrap_or_else(|| panic!("no name of a file: {line}"));
            file = tree.0.contains_key(Path::new(name)).then(|| name.to_owned());
            is_in_hunk = false;
        } else if line.starts_with("@@") {
            is_in_hunk = true;
        } else if is_in_hunk
            && line.starts_with(['+', '-'])
            && let Some(file) = &file
        {
            *changed.entry(file.clone()).or_insert(0) += 1;
        }
    }
    changed
}

/// The names of the suite's checks, from the macro that makes the tests.
fn checks(tree: &Tree) -> BTreeSet<String> {
    let path = Path::new("crates/provider-conformance/src/lib.rs");
    let source = String::from_utf8_lossy(tree.0.get(path).expect("the suite")).into_owned();
    let list = |opening: &str| {
        let (_, rest) = source.split_once(opening).expect("the macro's list");
        rest.split('}').next().unwrap_or_default().to_owned()
    };
    let plain = list("{ @plain $fixture;");
    let status = list("{ @status $fixture;");
    let words = plain.split_whitespace().chain(status.split([' ', ',', '\n']));
    let names = words.filter(|word| word.contains('_')).map(str::to_owned);
    names.collect()
}

/// Cargo in that tree, building into a folder of its own, so that no other run waits for it.
fn cargo(tree: &Path, target: &Path, arguments: &[&str]) -> String {
    let output = run("cargo", tree, |cargo| {
        cargo.args(arguments).args(["--offline", "--color", "never"]);
        // Built once, run for a second: what is quick to build is quickest.
        cargo.args(["--config", "profile.dev.package.\"*\".opt-level=0"]);
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
        cargo.env("CARGO_TARGET_DIR", target);
    });
    let output = output.expect("cargo is there");
    let what = arguments.join(" ");
    assert!(output.status.success(), "cargo {what} failed: {RENEW}\n{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_fourth_vendor_is_one_crate_and_twenty_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let patch = root.join("tests/fourth-vendor/vendor.patch");
    let before = Tree::read(root);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let copy = temporary.path().join("tree");
    fs::create_dir(&copy).expect("a folder");
    before.lay_at(&copy);
    apply(&patch, &copy);
    let after = Tree::read(&copy);

    let changed = changed_lines(&fs::read_to_string(&patch).expect("the patch"), &before);
    let lines: usize = changed.values().sum();
    assert!(
        0 < lines && lines <= MOST_LINES,
        "{lines} lines of files that were there: {changed:?}"
    );
    for (path, bytes) in &before.0 {
        let is_told = changed.keys().any(|name| path.as_os_str() == OsStr::new(name));
        assert_eq!(after.0.get(path) != Some(bytes), is_told, "{}", path.display());
    }

    // Kept from run to run, and for one run at a time.
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata runs");
    let place = metadata.target_directory.into_std_path_buf().join("fourth-vendor");
    fs::create_dir_all(&place).expect("a folder");
    let lock = File::create(place.join("one-at-a-time")).expect("a file");
    lock.lock().expect("the lock is had");
    let (tree, target) = (place.join("tree"), place.join("target"));
    after.lay_at(&tree);
    let told = cargo(&tree, &target, &["test", "-p", "provider-example"]);
    let passed: BTreeSet<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok"))
        .collect();
    let checks = checks(&before);
    assert!(checks.len() > 40, "the suite's checks: {checks:?}");
    let missing: Vec<_> = checks.iter().filter(|name| !passed.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "checks that were not passed: {missing:?}\n{told}");
    cargo(&tree, &target, &["check", "-p", "gateway"]);
}

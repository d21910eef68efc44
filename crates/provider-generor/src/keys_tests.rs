use super::*;

const NEW: &str = "gnr_live_a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d0";
const OLD: &str = "gnr_live_00112233445566778899aabbccddeeff00112233";

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn row(id: &str, prefix: &str) -> KeyRow {
    KeyRow { key_id: Some(id.to_owned()), prefix: Some(prefix.to_owned()), ..KeyRow::default() }
}

#[test]
fn the_new_key_is_found_wherever_it_stands() {
    for body in [
        format!(
            r#"{{"success": true, "data": {{"key_id": 1, "api_key": "{NEW}", "prefix": "gnr_live_a1b2c3d4"}}}}"#
        ),
        format!(r#"{{"data": {{"key": " {NEW}\n", "replaces": "{OLD}"}}}}"#),
        format!(r#"{{"data": [{{"shown": "gnr_live_a1b2c3d4...", "plain": "{NEW}"}}]}}"#),
        format!("{NEW}\n"),
    ] {
        let found = made(body.as_bytes(), &secret(OLD)).unwrap();
        assert_eq!(found.expose_secret(), NEW, "{body}");
    }
}

#[test]
fn an_answer_without_a_new_key_leaves_one_over_and_says_which() {
    for body in [
        String::new(),
        r#"{"data": {"key_id": 7, "prefix": "gnr_live_a1b2c3d4"}}"#.to_owned(),
        format!(r#"{{"data": {{"key_id": 7, "api_key": "{OLD}"}}}}"#),
        r#"{"data": {"key_id": 7, "api_key": "gnr_live_a1b2c3d4************"}}"#.to_owned(),
    ] {
        let error = made(body.as_bytes(), &secret(OLD)).unwrap_err();
        assert_eq!(error.retry(), Retry::Unknown { ended: true }, "{body}");
        assert!(error.public().contains("by hand") && error.public().contains("works on"));
        assert!(!format!("{error:?}").contains("gnr_live"), "{error:?}");
        assert_eq!(error.private().contains("number 7"), body.contains("key_id"), "{error:?}");
    }
}

#[test]
fn a_row_is_a_keys_by_its_prefix_alone() {
    let rows = [
        row("1", "gnr_live_00112233"),
        row("2", "gnr_live_a1b2c3d4..."),
        row("3", "gnr_live_"),
        row("4", ""),
        KeyRow { is_active: Some(false), ..row("5", "gnr_live_00112233") },
    ];
    let id = |key: &str| row_of(&rows, &secret(key)).and_then(|row| row.key_id.clone());
    assert_eq!(id(OLD).as_deref(), Some("1"));
    assert_eq!(id(NEW).as_deref(), Some("2"));
    assert_eq!(id("gnr_live_ffff"), None);
    let old: Vec<_> = rows_of_old(&rows, &secret(OLD), &secret(NEW));
    assert_eq!(old.len(), 1);
    assert_eq!(old[0].key_id.as_deref(), Some("1"));
    assert!(!is_ambiguous(&rows, &secret(OLD), &secret(NEW)));
    let twins = [row("1", "gnr_live_00112233"), row("2", "gnr_live_00112233")];
    assert!(row_of(&twins, &secret(OLD)).is_none(), "nobody can tell which");
    assert!(is_ambiguous(&twins, &secret(OLD), &secret("gnr_live_00112233ffff")));
}

#[test]
fn what_a_key_lacks_is_told() {
    let scopes = |all: &[&str]| all.iter().map(|&scope| scope.to_owned()).collect::<Vec<_>>();
    assert!(warnings(None).is_empty(), "nobody knows");
    assert!(warnings(Some(&[])).is_empty(), "it may do everything");
    assert!(warnings(Some(&scopes(&SCOPES))).is_empty());
    let told = warnings(Some(&scopes(&["generate"])));
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("`read`") && told[0].contains("recovered"), "{told:?}");
    assert!(told[1].contains("`write`") && told[1].contains("rotated"), "{told:?}");
}

#[test]
fn a_key_is_asked_about_once() {
    let known = Scopes::default();
    assert!(known.get(&secret(OLD)).is_none());
    known.put(&secret(OLD), Some(vec!["read".to_owned()]));
    known.put(&secret(NEW), None);
    assert_eq!(known.get(&secret(OLD)), Some(Some(vec!["read".to_owned()])));
    assert_eq!(known.get(&secret(NEW)), Some(None));
    assert!(!format!("{known:?}").contains("gnr_live"));
}

#[test]
fn a_full_account_is_no_callers_fault() {
    let full = Error::new(ErrorKind::Invalid, Blame::Caller, Retry::No, "no").with_status(400);
    let error = not_made(full);
    assert_eq!((error.blame(), error.status()), (Blame::Account, Some(400)));
    assert!(error.public().contains("at most 10"), "{error}");
}

#[test]
fn no_words_keep_a_key() {
    assert_eq!(without("the key gnr_live_a-B_9, then gnr_live_"), "the key [key], then [key]");
    assert_eq!(without("all fine"), "all fine");
}

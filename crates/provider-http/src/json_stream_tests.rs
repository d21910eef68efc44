use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What a member came to: its bytes, or that it was no base64.
type Got = Option<Vec<u8>>;

/// Feeds `document` in pieces of the given sizes, over and over.
fn scan(document: &[u8], sizes: &[usize]) -> (Vec<u8>, Vec<Got>) {
    let mut scanner = Scanner::new("b64_json", 1 << 20);
    let (mut got, mut current) = (Vec::new(), Vec::new());
    let mut rest = document;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (mut piece, later) = rest.split_at((*size).min(rest.len()));
        rest = later;
        loop {
            match scanner.step(&mut piece).unwrap() {
                Step::More => break,
                Step::Data(bytes) => current.extend_from_slice(&bytes),
                Step::End(result) => {
                    let bytes = std::mem::take(&mut current);
                    got.push(result.is_ok().then_some(bytes));
                }
            }
        }
        assert!(piece.is_empty());
    }
    (scanner.into_skeleton(), got)
}

/// The same, the slow way: parse everything, then decode.
fn reference(document: &[u8]) -> (Value, Vec<Got>) {
    let mut value: Value = serde_json::from_slice(document).unwrap();
    let mut got = Vec::new();
    lift(&mut value, &mut got);
    (value, got)
}

fn lift(value: &mut Value, got: &mut Vec<Got>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                match inner {
                    Value::String(text) if name == "b64_json" => {
                        got.push(decode(text));
                        *inner = json!((got.len() - 1).to_string());
                    }
                    _ => lift(inner, got),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| lift(item, got)),
        _ => {}
    }
}

fn decode(text: &str) -> Got {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let text = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(',')?.1,
        None => &text,
    };
    GeneralPurpose::new(&alphabet::STANDARD, config).decode(text).ok()
}

fn check(document: &str, sizes: &[usize]) {
    let (skeleton, got) = scan(document.as_bytes(), sizes);
    let (value, wanted) = reference(document.as_bytes());
    assert_eq!(got, wanted, "{document}");
    assert_eq!(serde_json::from_slice::<Value>(&skeleton).unwrap(), value, "{document}");
}

#[test]
fn only_a_real_key_counts() {
    for document in [
        r#"{"b64_json":"aGk="}"#,
        "{ \"b64_json\" \n:\t\"aGk=\" }",
        r#"{"a":"b64_json","b":"\"b64_json\":\"aGk=\""}"#,
        r#"["b64_json","aGk=",{"b64_json":["aGk="]}]"#,
        r#"{"b64_json":null,"x":{"b64_json":"aGk="},"y":[{"b64_json":"aG8="}]}"#,
        r#"{"b64_json":1,"\u0062\u0036\u0034_json":"aGk=","b64_jsonn":"aGk="}"#,
        r#"{"b64_json":{"b64_json":"b64_json"}}"#,
        r#"{"x\\":"b64_json","b64_json":"aGk="}"#,
        "{}",
        "\"b64_json\"",
    ] {
        for size in 1..document.len() {
            check(document, &[size]);
        }
    }
}

#[test]
fn every_way_of_writing_base64_is_read() {
    for text in [
        "",
        "aGk=",
        "aGk",
        "aGlo",
        "aGk\\u003d",
        "a\\u0047k=",
        "\\/\\/\\/\\/",
        "aG\\r\\nk=",
        "a G k =",
        "data:image/png;base64,aGk=",
        "data:image\\/png;base64,aGlo",
        "data:,",
        "data",
        "dat",
    ] {
        let document = format!(r#"{{"b64_json":"{text}","cost":"0.0267"}}"#);
        for size in 1..document.len() {
            check(&document, &[size]);
        }
    }
}

#[test]
fn what_is_no_base64_spoils_itself_and_nothing_else() {
    for text in
        ["a", "aGk=aGk=", "====", "=", "aGlo=", "a-_b", "\\u0022", "é", "data:image/png", "aG\\\\k"]
    {
        let document = format!(r#"{{"b64_json":"{text}","x":{{"b64_json":"aGk="}}}}"#);
        let (_, got) = scan(document.as_bytes(), &[7]);
        assert_eq!(got, [None, Some(b"hi".to_vec())], "{text}");
        check(&document, &[1]);
    }
}

#[test]
fn a_large_member_never_gathers_in_memory() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    for written in [text.clone(), text.replace('/', "\\/")] {
        let document = format!(r#"{{"data":{{"b64_json":"{written}"}},"cost":1}}"#);
        let mut scanner = Scanner::new("b64_json", 4096);
        let (mut input, mut got) = (document.as_bytes(), Vec::new());
        loop {
            match scanner.step(&mut input).unwrap() {
                Step::More => break,
                Step::End(result) => assert_eq!(result, Ok(())),
                Step::Data(piece) => {
                    assert!(piece.len() <= 128 * 1024, "{}", piece.len());
                    got.extend_from_slice(&piece);
                }
            }
        }
        assert!(got == bytes);
        assert_eq!(scanner.into_skeleton(), br#"{"data":{"b64_json":"0"},"cost":1}"#);
    }
}

#[test]
fn a_skeleton_that_grows_is_refused() {
    let mut scanner = Scanner::new("b64_json", 64);
    let document = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(100));
    assert_eq!(scanner.step(&mut document.as_bytes()), Err(SkeletonTooLarge));
}

#[test]
fn a_document_that_breaks_off_is_no_json() {
    let document = r#"{"b64_json":"aGk=","cost":"0.0267"}"#;
    for end in 0..document.len() {
        let (skeleton, _) = scan(&document.as_bytes()[..end], &[5]);
        assert!(serde_json::from_slice::<Value>(&skeleton).is_err(), "{end}");
    }
}

/// Base64 as some vendor may write it: escaped, wrapped, without padding, with a prefix, spoiled.
fn text() -> impl Strategy<Value = String> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..12_000);
    (bytes, any::<[bool; 4]>(), proptest::option::of((any::<u16>(), "[=!é A-Z]"))).prop_map(
        |(bytes, [slashes, wrapped, unpadded, prefixed], change)| {
            let mut text = base64::engine::general_purpose::STANDARD.encode(bytes);
            if let Some((at, with)) = change
                && !text.is_empty()
            {
                text.insert_str(usize::from(at) % text.len(), &with);
            }
            if unpadded {
                text = text.trim_end_matches('=').to_owned();
            }
            if prefixed {
                text.insert_str(0, "data:image/webp;base64,");
            }
            if wrapped {
                text = text.replace('A', "A\\r\\n").replace('B', "\\u0042");
            }
            if slashes { text.replace('/', "\\/") } else { text }
        },
    )
}

/// Any JSON text; members by the name that counts are as likely as others.
fn document() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just(r#""b64_json""#.to_owned()),
        Just(r#""b64\u005fjson""#.to_owned()),
        "[a-z\"\\\\]{0,3}".prop_map(|s| json!(s).to_string())
    ];
    let leaf = prop_oneof![
        text().prop_map(|text| format!("\"{text}\"")),
        Just("null".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        any::<String>().prop_map(|s| json!(s).to_string()),
        Just(r#""\"b64_json\":\"aGk=\"""#.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let member = (name.clone(), "[ \n\t]{0,2}", inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(" ,"))),
            proptest::collection::vec(member, 0..4).prop_map(|all| {
                let mut seen = std::collections::HashSet::new();
                let members: Vec<String> = all
                    .into_iter()
                    // serde_json keeps the last of two members of one name, the scanner lifts both.
                    .filter(|(n, ..)| seen.insert(serde_json::from_str::<String>(n).unwrap()))
                    .map(|(name, space, value)| format!("{name}{space}:{space}{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_document_in_any_pieces_reads_as_the_whole(
        document in document(),
        sizes in proptest::collection::vec(1_usize..9000, 1..6),
    ) {
        // serde_json's map is sorted by name: compare the lifted texts by their index in the value.
        let (skeleton, got) = scan(document.as_bytes(), &sizes);
        let marked: Value = serde_json::from_slice(&skeleton).unwrap();
        let whole: Value = serde_json::from_str(&document).unwrap();
        let mut lifted = 0;
        compare(&marked, &whole, &got, &mut lifted)?;
        prop_assert_eq!(lifted, got.len());
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1_usize..40) {
        let mut document = br#"{"b64_json":""#.to_vec();
        document.extend(bytes);
        scan(&document, &[size]);
    }
}

fn compare(
    marked: &Value,
    whole: &Value,
    got: &[Got],
    lifted: &mut usize,
) -> Result<(), TestCaseError> {
    match (marked, whole) {
        (Value::Object(marked), Value::Object(whole)) => {
            prop_assert!(marked.keys().eq(whole.keys()));
            for (name, inner) in marked {
                match (inner, &whole[name]) {
                    (Value::String(index), Value::String(text)) if name == "b64_json" => {
                        let index: usize = index.parse().unwrap();
                        prop_assert_eq!(&got[index], &decode(text));
                        *lifted += 1;
                    }
                    (inner, other) => compare(inner, other, got, lifted)?,
                }
            }
        }
        (Value::Array(marked), Value::Array(whole)) => {
            prop_assert_eq!(marked.len(), whole.len());
            for (inner, other) in marked.iter().zip(whole) {
                compare(inner, other, got, lifted)?;
            }
        }
        _ => prop_assert_eq!(marked, whole),
    }
    Ok(())
}

/// Feeds `document` to a scanner of long texts in pieces of one size.
fn scan_long(document: &str, longer_than: usize, size: usize) -> (Value, Vec<Got>) {
    let mut scanner = Scanner::long(longer_than, 1 << 20);
    let (mut got, mut current) = (Vec::new(), Vec::new());
    for mut piece in document.as_bytes().chunks(size) {
        loop {
            match scanner.step(&mut piece).unwrap() {
                Step::More => break,
                Step::Data(bytes) => current.extend_from_slice(&bytes),
                Step::End(result) => {
                    let bytes = std::mem::take(&mut current);
                    got.push(result.is_ok().then_some(bytes));
                }
            }
        }
        assert!(piece.is_empty());
    }
    let skeleton = scanner.into_skeleton();
    (serde_json::from_slice(&skeleton).unwrap(), got)
}

#[test]
fn long_base64_is_lifted_under_any_name() {
    // Has `+` and `/` in it, and no multiple of three bytes.
    let bytes: Vec<u8> = (0..200_u8).map(|n| n.wrapping_mul(251) ^ 0x3e).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    assert!(text.contains('/') && text.contains('+'), "{text}");
    for written in [
        text.clone(),
        text.replace('/', "\\/"),
        text.replace('+', "\\u002b"),
        text.trim_end_matches('=').to_owned(),
        format!("data:image/webp;base64,{text}"),
        format!("data:image\\/webp;base64,{text}"),
        text.as_bytes()
            .chunks(76)
            .map(|line| str::from_utf8(line).unwrap())
            .collect::<Vec<_>>()
            .join("\\r\\n"),
    ] {
        let document = format!(
            r#"{{"a":"{prose}","b":["{written}", 1, "short"],"{prose}":"dGlueQ==","url":"{url}"}}"#,
            prose = "no base64, but long enough to be looked at",
            url = "https://storage.example/x?signature=0123456789abcdef",
        );
        for size in 1..document.len() {
            let (skeleton, got) = scan_long(&document, 32, size);
            assert_eq!(got, [Some(bytes.clone())], "{size} {written}");
            assert_eq!(skeleton["b"], json!(["0", 1, "short"]));
            let whole: Value = serde_json::from_str(&document).unwrap();
            assert_eq!((&skeleton["a"], &skeleton["url"]), (&whole["a"], &whole["url"]));
        }
    }
}

#[test]
fn a_long_text_must_be_longer_than_said_and_stay_base64() {
    for size in 1..40 {
        let document = format!(r#"{{"x":"{}","y":"{}"}}"#, "A".repeat(32), "B".repeat(33));
        let (skeleton, got) = scan_long(&document, 32, size);
        assert_eq!(skeleton, json!({"x": "A".repeat(32), "y": "0"}), "{size}");
        // 33 characters are no base64: the last group is short by more than padding.
        assert_eq!(got, [None], "{size}");
        let document =
            format!(r#"{{"x":"{}, and prose","y":"{}"}}"#, "A".repeat(40), "B".repeat(40));
        let (_, got) = scan_long(&document, 32, size);
        assert_eq!(got, [None, Some([0x04, 0x10, 0x41].repeat(10))], "{size}");
    }
}

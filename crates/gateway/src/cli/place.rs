//! Where an output is saved.

use std::path::{Path, PathBuf};

/// The longest name that a prompt gives to a file, in characters.
const NAME_CHARS: usize = 48;

/// Where an output goes. A name of the user's is taken as it is; one that the prompt gives never
/// replaces a file, because that one may have been paid for, too.
pub(super) fn place(
    given: Option<&Path>,
    prompt: &str,
    media_type: &str,
    number: Option<usize>,
) -> PathBuf {
    let numbered = |stem: &str, number: Option<usize>| match number {
        Some(number) => format!("{stem}-{number}"),
        None => stem.to_owned(),
    };
    if let Some(file) = given.filter(|given| !given.is_dir()) {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let mut name = numbered(&stem, number);
        if let Some(extension) = file.extension() {
            name = format!("{name}.{}", extension.to_string_lossy());
        }
        return file.with_file_name(name);
    }
    let folder = given.unwrap_or_else(|| Path::new(""));
    let extension = extension(media_type);
    let mut stem = slug(prompt);
    let mut round = 1_u32;
    loop {
        let file = folder.join(format!("{}.{extension}", numbered(&stem, number)));
        if !file.exists() {
            return file;
        }
        round += 1;
        stem = format!("{}-again{round}", slug(prompt));
    }
}

fn extension(media_type: &str) -> &str {
    match media_type {
        "image/jpeg" => "jpg",
        "image/svg+xml" => "svg",
        "audio/mpeg" => "mp3",
        other => {
            let kind = other.rsplit('/').next().unwrap_or_default();
            if kind.chars().all(|c| c.is_ascii_alphanumeric()) && !kind.is_empty() {
                kind
            } else {
                "bin"
            }
        }
    }
}

/// A prompt as a file's name.
fn slug(prompt: &str) -> String {
    let mut name = String::new();
    for word in prompt.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let dash = usize::from(!name.is_empty());
        if name.chars().count() + dash + word.chars().count() > NAME_CHARS {
            break;
        }
        if dash == 1 {
            name.push('-');
        }
        name.push_str(&word.to_lowercase());
    }
    if name.is_empty() { "output".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_make_sane_names() {
        for (prompt, name) in [
            ("A red fox, at DAWN!", "a-red-fox-at-dawn"),
            ("../../etc/passwd", "etc-passwd"),
            ("???", "output"),
            ("Füchse im Schnee", "füchse-im-schnee"),
        ] {
            assert_eq!(slug(prompt), name);
        }
        assert!(slug(&"word ".repeat(100)).chars().count() <= NAME_CHARS);
    }

    #[test]
    fn files_are_numbered_and_never_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("cat.png");
        assert_eq!(place(Some(&given), "x", "image/png", None), given);
        let second = folder.path().join("cat-2.png");
        assert_eq!(place(Some(&given), "x", "image/png", Some(2)), second);
        let inside = |name: &str| folder.path().join(name);
        let unnamed = |number| place(Some(folder.path()), "a cat", "image/jpeg", number);
        assert_eq!(unnamed(None), inside("a-cat.jpg"));
        assert_eq!(unnamed(Some(1)), inside("a-cat-1.jpg"));
        std::fs::write(inside("a-cat.jpg"), "paid for").unwrap();
        assert_eq!(unnamed(None), inside("a-cat-again2.jpg"));
    }
}

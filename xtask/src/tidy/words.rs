//! Check of the vocabulary: the words of `private_words.txt` occur in no name, comment or text.

use super::{SourceFile, assert_none, source_files};

/// The list of words and allowed phrases. This check does not read `.txt` files.
const LIST: &str = include_str!("private_words.txt");

/// Suffixes of the checked files.
const SUFFIXES: [&str; 15] = [
    ".conf", ".css", ".html", ".js", ".md", ".mjs", ".py", ".rs", ".service", ".toml", ".ts",
    ".tsx", ".wxml", ".wxss", ".yaml",
];

/// Folders of build output, which is generated from checked sources.
const GENERATED: [&str; 4] = [
    "clients/miniprogram/miniprogram_dist/",
    "crates/api/console/",
    "crates/wechat-sandbox/page/",
    "examples/miniprogram/miniprogram_npm/",
];

/// Parsed form of the list.
struct Vocabulary<'a> {
    /// Words in lower case; a `*` at the end matches any ending.
    forbidden: Vec<&'a str>,
    /// Phrases that may contain forbidden words.
    allowed: Vec<&'a str>,
}

impl<'a> Vocabulary<'a> {
    fn parse(list: &'a str) -> Self {
        let entries = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (phrases, forbidden) =
            entries.partition::<Vec<_>, _>(|entry| entry.starts_with("allow: "));
        let allowed = phrases.into_iter().filter_map(|phrase| phrase.strip_prefix("allow: "));
        Self { forbidden, allowed: allowed.collect() }
    }

    fn is_forbidden(&self, word: &str) -> bool {
        self.forbidden.iter().any(|forbidden| match forbidden.strip_suffix('*') {
            Some(start) => word.starts_with(start),
            None => word == *forbidden,
        })
    }

    /// Returns the forbidden words of a text, outside of allowed phrases.
    fn find(&self, text: &str) -> Vec<String> {
        let remaining =
            self.allowed.iter().fold(text.to_owned(), |text, phrase| text.replace(phrase, " "));
        words(&remaining).into_iter().filter(|word| self.is_forbidden(word)).collect()
    }
}

/// Splits a text into words in lower case. Parts of `camelCase` and `snake_case` names are words.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for name in text.split(|c: char| !c.is_ascii_alphabetic()) {
        let mut start = 0;
        for (position, pair) in (1..).zip(name.as_bytes().windows(2)) {
            let starts_word = pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
            let ends_acronym = pair[0].is_ascii_uppercase()
                && pair[1].is_ascii_uppercase()
                && name.as_bytes().get(position + 1).is_some_and(u8::is_ascii_lowercase);
            if starts_word || ends_acronym {
                words.push(name[start..position].to_ascii_lowercase());
                start = position;
            }
        }
        words.push(name[start..].to_ascii_lowercase());
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Finds forbidden words in the paths and the lines of files.
fn private_words(files: &[SourceFile], vocabulary: &Vocabulary<'_>) -> Vec<String> {
    let mut offenders = Vec::new();
    for file in files {
        for word in vocabulary.find(&file.path) {
            offenders.push(format!("{}: `{word}` in the path", file.path));
        }
        for (number, line) in file.lines() {
            for word in vocabulary.find(line) {
                offenders.push(format!("{}:{number}: `{word}`: {}", file.path, line.trim()));
            }
        }
    }
    offenders
}

/// Reads all checked files.
fn checked_files() -> Vec<SourceFile> {
    let mut files: Vec<_> = SUFFIXES.into_iter().flat_map(source_files).collect();
    files.retain(|file| !GENERATED.iter().any(|folder| file.path.starts_with(folder)));
    files
}

mod tests {
    use super::*;

    #[test]
    fn no_file_contains_private_words() {
        assert_none(&private_words(&checked_files(), &Vocabulary::parse(LIST)));
    }

    #[test]
    fn list_is_sorted_and_in_lower_case() {
        let Vocabulary { forbidden, allowed } = Vocabulary::parse(LIST);
        assert!(forbidden.len() > 20 && !allowed.is_empty());
        assert!(forbidden.is_sorted(), "{forbidden:?}");
        assert!(forbidden.iter().all(|word| word.to_lowercase() == *word), "{forbidden:?}");
    }

    #[test]
    fn words_are_split_at_case_underscores_and_punctuation() {
        let expected = ["get", "http", "server", "max", "size", "a", "word"];
        assert_eq!(words("getHTTPServer MAX_SIZE a-word 门神"), expected);
    }

    #[test]
    fn private_words_in_names_comments_and_paths_are_named() {
        let vocabulary =
            Vocabulary::parse("# Words\nblue\nred*\n\nallow: blueprint\nallow: BlueTooth\n");
        let planted = [
            SourceFile::new("src/a.rs", "fn make_blue() {} // Reddish.\nstruct DeepBlueSea;\n"),
            SourceFile::new("src/blue_b.md", "A blueprint, BlueTooth, bluest, infrared.\nBLUE\n"),
        ];
        let offenders = [
            "src/a.rs:1: `blue`: fn make_blue() {} // Reddish.",
            "src/a.rs:1: `reddish`: fn make_blue() {} // Reddish.",
            "src/a.rs:2: `blue`: struct DeepBlueSea;",
            "src/blue_b.md: `blue` in the path",
            "src/blue_b.md:2: `blue`: BLUE",
        ];
        assert_eq!(private_words(&planted, &vocabulary), offenders);
    }
}

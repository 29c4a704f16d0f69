//! Checks of the language of doc comments: they start with a noun or a verb, and use few pronouns.

use super::{SourceFile, source_files};

/// Maximum share of doc comments that start with one of [`OPENINGS`], in percent.
const MAX_OPENINGS: usize = 4;

/// Maximum number of [`PRONOUNS`] per 100 words.
const MAX_PRONOUNS: usize = 2;

/// Pronouns and conjunctions, one per line, that do not name the subject of a doc comment.
const OPENINGS: &str = include_str!("doc_openings.txt");

/// Relative, interrogative and indefinite pronouns, one per line.
const PRONOUNS: &str = include_str!("pronouns.txt");

/// Counts over the doc comments of several files.
#[derive(Default)]
struct Measurement {
    comments: usize,
    words: usize,
    /// First lines that start with one of [`OPENINGS`].
    openings: Vec<String>,
    /// Lines with pronouns, once for each pronoun.
    pronouns: Vec<String>,
}

impl Measurement {
    fn of(sources: &[SourceFile]) -> Self {
        let mut measurement = Self::default();
        for source in sources {
            measurement.add(source);
        }
        measurement
    }

    fn add(&mut self, source: &SourceFile) {
        let mut is_in_comment = false;
        let mut is_in_example = false;
        for (number, line) in source.lines() {
            let Some(text) = doc_text(line) else {
                is_in_comment = false;
                is_in_example = false;
                continue;
            };
            if text.starts_with("```") {
                is_in_example = !is_in_example;
            } else if !is_in_example {
                let location = format!("{}:{number}: {text}", source.path);
                self.add_line(text, &location, !is_in_comment);
            }
            is_in_comment = true;
        }
    }

    fn add_line(&mut self, text: &str, location: &str, is_first: bool) {
        if is_first {
            self.comments += 1;
            if has_opening(text) {
                self.openings.push(location.to_owned());
            }
        }
        for word in text.split(|c: char| !c.is_ascii_alphabetic() && c != '\'') {
            if !word.is_empty() {
                self.words += 1;
            }
            if PRONOUNS.lines().any(|pronoun| pronoun.eq_ignore_ascii_case(word)) {
                self.pronouns.push(location.to_owned());
            }
        }
    }

    fn has_too_many_openings(&self) -> bool {
        self.openings.len() * 100 > self.comments * MAX_OPENINGS
    }

    fn has_too_many_pronouns(&self) -> bool {
        self.pronouns.len() * 100 > self.words * MAX_PRONOUNS
    }
}

/// Returns the text of a line of a doc comment.
fn doc_text(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
    Some(text.trim())
}

fn has_opening(text: &str) -> bool {
    OPENINGS.lines().any(|opening| {
        let rest = text.strip_prefix(opening);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

mod tests {
    use super::*;

    #[test]
    fn doc_comments_start_with_a_noun_or_verb() {
        let measurement = Measurement::of(&source_files(".rs"));
        let Measurement { comments, openings, .. } = &measurement;
        let message = format!("{} of {comments} doc comments", openings.len());
        assert!(!measurement.has_too_many_openings(), "{message}:\n{}", openings.join("\n"));
    }

    #[test]
    fn doc_comments_contain_few_pronouns() {
        let measurement = Measurement::of(&source_files(".rs"));
        let Measurement { words, pronouns, .. } = &measurement;
        let message = format!("{} pronouns in {words} words", pronouns.len());
        assert!(!measurement.has_too_many_pronouns(), "{message}:\n{}", pronouns.join("\n"));
    }

    #[test]
    fn openings_and_pronouns_are_counted_by_comment_and_word() {
        let planted = SourceFile::new(
            "a.rs",
            "//! Whether it works.\n//! What?\n\n    /// A value for those who ask.\n    /// ```\n    \
             /// let who = 1;\n    /// ```\n    a: u8,\n    /// Whiteness.\n",
        );
        let measurement = Measurement::of(&[planted]);
        assert_eq!((measurement.comments, measurement.words), (3, 11));
        assert_eq!(measurement.openings, ["a.rs:1: Whether it works."]);
        let those_who = "a.rs:4: A value for those who ask.";
        assert_eq!(measurement.pronouns, ["a.rs:2: What?", those_who, those_who]);
    }

    #[test]
    fn share_above_the_limit_is_too_large() {
        let plain = "/// A value.\na: u8,\n".repeat(24);
        let at_limit = plain + "/// What it is.\nb: u8,\n";
        let above_limit = at_limit.clone() + "/// Who it is.\n";
        let exceeds = |text: &str| {
            let measurement = Measurement::of(&[SourceFile::new("a.rs", text)]);
            (measurement.has_too_many_openings(), measurement.has_too_many_pronouns())
        };
        assert_eq!(exceeds(&at_limit), (false, false));
        assert_eq!(exceeds(&above_limit), (true, true));
    }
}

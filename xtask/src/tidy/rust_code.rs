//! Rust code without its comments and literals, for checks that must not match inside of them.

/// Replaces the contents of comments and of string and character literals by blanks. Positions and
/// line breaks are preserved.
pub(super) fn without_comments_and_literals(text: &str) -> String {
    let mut blanked = text.as_bytes().to_vec();
    let mut position = 0;
    while position < blanked.len() {
        let rest = &text.as_bytes()[position..];
        let length = comment_or_literal(rest, previous_is_name(text, position));
        for byte in &mut blanked[position..position + length] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        position += length.max(1);
    }
    // Multi-byte characters occur only in comments and literals, where all their bytes are blanked.
    String::from_utf8_lossy(&blanked).into_owned()
}

/// Returns the number of the line that contains a position.
pub(super) fn line_number(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

fn previous_is_name(text: &str, position: usize) -> bool {
    text[..position].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns the length of the comment or literal at the start of `code`; 0 if there is none.
fn comment_or_literal(code: &[u8], follows_name: bool) -> usize {
    match code {
        [b'/', b'/', ..] => code.iter().position(|byte| *byte == b'\n').unwrap_or(code.len()),
        [b'/', b'*', ..] => block_comment(code),
        [b'"', ..] => quoted(code, b'"'),
        [b'r', b'"' | b'#', ..] if !follows_name => raw_string(code),
        [b'\'', b'\\', ..] => quoted(code, b'\''),
        [b'\'', first, ..] => {
            // A character literal closes after one character; otherwise this is a lifetime.
            let width = match first {
                0..0x80 => 1,
                0x80..0xE0 => 2,
                0xE0..0xF0 => 3,
                0xF0.. => 4,
            };
            if code.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        _ => 0,
    }
}

/// Length of a block comment, which can contain further block comments.
fn block_comment(code: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(pair) = code.get(position..position + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                position += 1;
                continue;
            }
        }
        position += 2;
        if depth == 0 {
            return position;
        }
    }
    code.len()
}

/// Length of a literal with escapes between `quote`s.
fn quoted(code: &[u8], quote: u8) -> usize {
    let mut position = 1;
    while let Some(byte) = code.get(position) {
        match byte {
            b'\\' => position += 2,
            byte if *byte == quote => return position + 1,
            _ => position += 1,
        }
    }
    code.len()
}

/// Length of a raw string literal; 0 if `code` starts with a raw identifier.
fn raw_string(code: &[u8]) -> usize {
    let hashes = code[1..].iter().take_while(|byte| **byte == b'#').count();
    if code.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [&b"\""[..], &vec![b'#'; hashes]].concat();
    let start = hashes + 2;
    let found = code[start..].windows(end.len()).position(|window| window == end);
    found.map_or(code.len(), |length| start + length + end.len())
}

mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        for (code, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"a("b\"c", d)"#, r"a(      , d)"),
            (r##"a(r#"b"c"#)d"##, "a(        )d"),
            ("a('b', '\\'', 'c)", "a(   ,     , 'c)"),
            ("bar\"b\" r#type 'a: 'b'", "bar    r#type 'a:    "),
            ("\"门\" '门' a", "            a"),
        ] {
            assert_eq!(without_comments_and_literals(code), expected, "{code}");
        }
    }

    #[test]
    fn line_numbers_start_at_one() {
        assert_eq!([line_number("a\nb", 0), line_number("a\nb", 2)], [1, 2]);
    }
}

//! Check of `let` statements: unrelated values are bound by one statement each, not by a tuple.

use super::{
    SourceFile, assert_none,
    rust_code::{line_number, without_comments_and_literals},
    source_files,
};

/// Finds statements like `let (a, b) = (x, y);`. A tuple as the initializer of `let … else`, and a
/// tuple that a function returns, are allowed.
fn tuple_bindings(sources: &[SourceFile]) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources {
        let code = without_comments_and_literals(&source.text);
        for (position, _) in code.match_indices("let (") {
            if is_tuple_binding(&code[position + "let ".len()..]) {
                let number = line_number(&code, position);
                let line = source.text.lines().nth(number - 1).unwrap_or_default();
                offenders.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    offenders
}

/// Returns true for `(a, b) = (x, y);` with an optional type after the pattern.
fn is_tuple_binding(statement: &str) -> bool {
    let initializer = after_parentheses(statement).and_then(|rest| {
        let (before, initializer) = rest.split_once('=')?;
        let is_type = before.trim().is_empty() || before.trim_start().starts_with(':');
        is_type.then_some(initializer.trim_start())
    });
    let rest = initializer.and_then(after_parentheses);
    rest.is_some_and(|rest| rest.trim_start().starts_with(';'))
}

/// Returns the text after the parentheses with which `code` starts.
fn after_parentheses(code: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (position, c) in code.char_indices() {
        match c {
            '(' => depth += 1,
            _ if depth == 0 => return None,
            ')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return code.get(position + 1..);
        }
    }
    None
}

mod tests {
    use super::*;

    #[test]
    fn unrelated_values_are_bound_separately() {
        assert_none(&tuple_bindings(&source_files(".rs")));
    }

    #[test]
    fn tuple_of_unrelated_values_is_named() {
        let planted = SourceFile::new(
            "a.rs",
            "let (a, b) = (1, 2);\nlet a = 1;\nlet (mut a, (b, c)): (u8, _) = (\n    f(),\n    g(),\n);\n",
        );
        let offenders =
            ["a.rs:1: let (a, b) = (1, 2);", "a.rs:3: let (mut a, (b, c)): (u8, _) = ("];
        assert_eq!(tuple_bindings(&[planted]), offenders);
    }

    #[test]
    fn returned_tuples_and_refutable_patterns_are_allowed() {
        let allowed = SourceFile::new(
            "a.rs",
            "let (a, b) = f(x, y);\nlet (a, b) = (x, y).into();\nlet (Some(a), 1) = (x, y) else { return };\n\
             if let (Some(a), b) = (x, y) {}\n// let (a, b) = (1, 2);\n\"let (a, b) = (1, 2);\"\n",
        );
        assert_none(&tuple_bindings(&[allowed]));
    }
}

//! Conversion of metrics from the `OpenMetrics` format to the Prometheus text format, which all tools read.

use std::collections::HashMap;
use std::fmt::Write;

/// Content type of the Prometheus text format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Converts `OpenMetrics` to the Prometheus text format.
///
/// The header lines of a counter get the name of its samples, with `_total`; an info becomes a gauge.
/// Units and the end marker are removed.
pub(crate) fn prometheus_text(open_metrics: &str) -> String {
    let heads =
        open_metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let kinds: HashMap<&str, &str> = heads.collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT" | "EOF"), _, _) => {}
            (Some("#"), Some(word), Some(name), Some(rest)) => {
                let (suffix, kind) = match kinds.get(name).copied() {
                    Some("counter") => ("_total", "counter"),
                    Some("info") => ("_info", "gauge"),
                    other => ("", other.unwrap_or_default()),
                };
                let rest = if word == "TYPE" { kind } else { rest };
                let _ = writeln!(text, "# {word} {name}{suffix} {rest}");
            }
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lines_have_the_name_of_the_samples() {
        let open_metrics = "\
# HELP logins Logins so far.
# TYPE logins counter
logins_total{outcome=\"ok\"} 2
# HELP took_seconds How long.
# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_count 1
# HELP build Which program.
# TYPE build info
build_info{version=\"# TYPE build counter\"} 1
# EOF
";
        let expected = "\
# HELP logins_total Logins so far.
# TYPE logins_total counter
logins_total{outcome=\"ok\"} 2
# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_count 1
# HELP build_info Which program.
# TYPE build_info gauge
build_info{version=\"# TYPE build counter\"} 1
";
        assert_eq!(prometheus_text(open_metrics), expected);
    }
}

//! Language of the messages for users, chosen by `Accept-Language`.

use salvo::http::HeaderMap;
use salvo::http::header::ACCEPT_LANGUAGE;

/// Language of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    Chinese,
    English,
}

impl Language {
    /// Returns the language with the higher weight in `Accept-Language`.
    ///
    /// Regional variants count. If the weights are equal, the first language wins; the default is
    /// Chinese.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT_LANGUAGE).iter();
        let ranges = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        let mut best = (Self::default(), 0.0);
        for (language, weight) in ranges.filter_map(Self::parse_range) {
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// Parses a range such as `en-US;q=0.8`. Returns `None` for other languages and malformed weights.
    fn parse_range(range: &str) -> Option<(Self, f32)> {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, "q=1"));
        let (name, weight) = parameters.split_once('=')?;
        let weight: f32 = weight.trim().parse().ok()?;
        let primary = tag.split('-').next().unwrap_or_default().trim();
        let (_, language) = [("zh", Self::Chinese), ("en", Self::English)]
            .into_iter()
            .find(|(name, _)| primary.eq_ignore_ascii_case(name))?;
        (name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&weight))
            .then_some((language, weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(lines: &[&'static str]) -> Language {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_LANGUAGE, line.parse().unwrap());
        }
        Language::preferred(&headers)
    }

    #[test]
    fn english_is_chosen_if_accept_language_prefers_it() {
        for line in [
            "en",
            "EN-gb",
            "en-US,en;q=0.9",
            "fr, en;q=0.2",
            "zh;q=0.5, en",
            "en, zh",
            "zh;q=0, en;q=0.1",
        ] {
            assert_eq!(preferred(&[line]), Language::English, "{line}");
        }
        assert_eq!(preferred(&["zh;q=0.3", "en;q=0.4"]), Language::English);
    }

    #[test]
    fn chinese_is_the_default_language() {
        for line in [
            "",
            "*",
            "fr",
            "zh-CN",
            "zh-CN,zh;q=0.9,en;q=0.8",
            "en;q=0",
            "en;q=0.5, zh",
            "zh, en",
            "english",
            "en;q=2",
            "en;q=-1",
            "en;q=NaN",
            "en;q=",
            "en;level=1",
            ";;;,,=,q",
            "é",
        ] {
            assert_eq!(preferred(&[line]), Language::Chinese, "{line}");
        }
        assert_eq!(preferred(&[]), Language::Chinese);
    }
}

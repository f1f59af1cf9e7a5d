//! Where a redirection leads (RFC 3986, section 5, without the rare forms).

/// The address that `location` means in an answer from `base`.
pub(crate) fn resolve(base: &str, location: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default().trim();
    let (scheme, rest) = base.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let target = if location.is_empty() {
        return None;
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if has_scheme(location) {
        location.to_owned()
    } else {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        format!("{scheme}://{authority}{folder}{location}")
    };
    Some(target)
}

/// Whether an address says how it is to be reached, as `https:` does.
fn has_scheme(location: &str) -> bool {
    let end = location.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    end.is_some_and(|end| end > 0 && location[end..].starts_with(':'))
}

/// Whether an address is reached through TLS.
pub(crate) fn is_secure(url: &str) -> bool {
    url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved() {
        let base = "https://a.example:8/x/y/z?q=1";
        for (location, expected) in [
            ("http://b.example/", Some("http://b.example/")),
            ("//b.example/1", Some("https://b.example/1")),
            ("/1?k#f", Some("https://a.example:8/1?k")),
            ("1", Some("https://a.example:8/x/y/1")),
            ("../1", Some("https://a.example:8/x/y/../1")),
            ("file:///etc", Some("file:///etc")),
            ("1:2/3", Some("1:2/3")),
            ("a/b:c", Some("https://a.example:8/x/y/a/b:c")),
            ("", None),
            ("#f", None),
        ] {
            assert_eq!(resolve(base, location).as_deref(), expected, "{location}");
        }
        assert_eq!(resolve("http://a.example", "1").as_deref(), Some("http://a.example/1"));
        assert_eq!(resolve("nothing", "1"), None);
        assert!(is_secure("HTTPS://a") && !is_secure("http://a") && !is_secure("https:/"));
    }
}

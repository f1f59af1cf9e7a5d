//! What `https` needs: cryptography, trusted authorities, and a processor that has the instructions.

use std::path::Path;
use std::sync::Arc;

use colearn_store::{LARGEST_TEXT, read_bounded};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::FetchError;

/// Instructions that the cryptography uses without asking, and whether this processor has them.
#[cfg(target_arch = "x86_64")]
fn needed() -> Vec<(&'static str, bool)> {
    vec![
        ("aes", std::arch::is_x86_feature_detected!("aes")),
        ("pclmulqdq", std::arch::is_x86_feature_detected!("pclmulqdq")),
        ("bmi1", std::arch::is_x86_feature_detected!("bmi1")),
        ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
        ("adx", std::arch::is_x86_feature_detected!("adx")),
        ("avx", std::arch::is_x86_feature_detected!("avx")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
    ]
}

/// As above.
#[cfg(target_arch = "aarch64")]
fn needed() -> Vec<(&'static str, bool)> {
    vec![
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("aes", std::arch::is_aarch64_feature_detected!("aes")),
        ("pmull", std::arch::is_aarch64_feature_detected!("pmull")),
        ("sha2", std::arch::is_aarch64_feature_detected!("sha2")),
    ]
}

/// The cryptography exists for two families of processors.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn needed() -> Vec<(&'static str, bool)> {
    vec![("the instructions of x86-64 or 64-bit ARM", false)]
}

/// What this processor lacks for `https`, or nothing.
pub(crate) fn lacking() -> Option<String> {
    listed(&needed())
}

fn listed(needed: &[(&str, bool)]) -> Option<String> {
    let lacking: Vec<&str> = needed.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    (!lacking.is_empty()).then(|| lacking.join(", "))
}

/// Trusts Mozilla's authorities, or only those in `ca`.
pub(crate) fn config(ca: Option<&Path>) -> Result<TlsConfig, FetchError> {
    let roots = match ca {
        None => RootCerts::WebPki,
        Some(path) => RootCerts::Specific(Arc::new(authorities(path)?)),
    };
    let builder = TlsConfig::builder().root_certs(roots);
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let builder = builder.unversioned_rustls_crypto_provider(Arc::new(rustls_graviola::default_provider()));
    Ok(builder.build())
}

fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>, FetchError> {
    let bytes = read_bounded(path, LARGEST_TEXT)?;
    let fault = |found: String| FetchError::Authority { path: path.to_owned(), found };
    let mut certificates = Vec::new();
    for item in parse_pem(&bytes) {
        match item.map_err(|error| fault(error.to_string()))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => return Err(fault("something else than a certificate".to_owned())),
        }
    }
    if certificates.is_empty() {
        return Err(fault("no certificate".to_owned()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_listed() {
        assert_eq!(listed(&[("aes", true), ("adx", true)]), None);
        assert_eq!(listed(&[("aes", false), ("avx", true), ("adx", false)]).unwrap(), "aes, adx");
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for (text, message) in [
            ("", "ca.pem: found no certificate; expected certificates in PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "ca.pem: found "),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = config(Some(&path)).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
        let error = config(Some(&folder.path().join("absent"))).unwrap_err().to_string();
        assert!(error.contains("absent: cannot be read: "), "{error}");
    }
}

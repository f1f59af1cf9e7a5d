//! One request at a time, with redirections that are followed only as far as they are safe.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use colearn_store::shown;
use ureq::config::Config;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::error::FetchError;
use crate::pace::{Clock, LeastRate, SystemClock};
use crate::redirect::{is_secure, resolve};
use crate::script::{Nowhere, Script};
use crate::tls;

/// How to reach servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// Authorities to trust (PEM) in place of Mozilla's.
    pub ca: Option<PathBuf>,
    /// Redirections that are followed at most.
    pub redirects: usize,
    /// How long a server may be silent.
    pub patience: Duration,
    /// How fast the bytes of a file have to come.
    pub least_rate: LeastRate,
    /// Bytes at most of a file whose size the manifest does not state.
    pub largest: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            ca: None,
            redirects: 10,
            patience: Duration::from_secs(60),
            least_rate: LeastRate::default(),
            largest: 16 << 30,
        }
    }
}

/// Loads files through HTTP and HTTPS.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    redirects: usize,
    /// What the processor lacks for `https`.
    lacking: Option<String>,
    pub(crate) least_rate: LeastRate,
    pub(crate) largest: u64,
    pub(crate) clock: Box<dyn Clock>,
}

/// Why a request or a transfer failed, and whether trying again may help.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Box<FetchError>,
    pub(crate) again: bool,
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::new(error, false)
    }
}

impl Failure {
    pub(crate) fn new(error: FetchError, again: bool) -> Self {
        Self { error: Box::new(error), again }
    }

    /// A transfer from `url` that may work at the next attempt.
    pub(crate) fn passing(url: &str, reason: impl Into<String>) -> Self {
        Self::new(FetchError::Transfer { url: url.to_owned(), reason: reason.into() }, true)
    }
}

/// The part of a file to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    /// First byte.
    pub(crate) from: u64,
    /// The part is wanted only of the version with this mark; of another one the whole file.
    pub(crate) mark: Option<String>,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// [`FetchError::Io`] or [`FetchError::Authority`] when the file of authorities cannot be used.
    pub fn new(config: &ClientConfig) -> Result<Self, FetchError> {
        Ok(Self::of(config, settings(config)?.into()))
    }

    fn of(config: &ClientConfig, agent: Agent) -> Self {
        let ClientConfig { redirects, least_rate, largest, .. } = *config;
        let clock = Box::new(SystemClock(Instant::now()));
        Self { agent, redirects, lacking: tls::lacking(), least_rate, largest, clock }
    }

    /// The same client with another clock, by which the rate of transfers is judged and retries wait.
    #[must_use]
    pub fn with_clock(self, clock: Box<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// A client that reaches no server: each of its connections gets one of `answers`, byte for byte, whatever is sent.
    /// Then there is nobody any more. For tests of what an answer is taken for.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn answered(config: &ClientConfig, answers: Vec<Vec<u8>>) -> Result<Self, FetchError> {
        let agent = Agent::with_parts(settings(config)?, Script::new(answers), Nowhere);
        Ok(Self::of(config, agent))
    }

    /// Asks for a file, or the rest of it.
    pub(crate) fn get(&self, url: &str, rest: Option<&Rest>) -> Result<Response<Body>, Failure> {
        let mut target = url.to_owned();
        for _ in 0..=self.redirects {
            let answer = self.get_directly(&target, rest)?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let location = header(&answer, "location").unwrap_or_default();
            let next = resolve(&target, &location);
            let refused = |target: &str, expected: &str| FetchError::Redirect {
                url: url.to_owned(),
                target: target.to_owned(),
                expected: expected.to_owned(),
            };
            let Some(next) = next else { return Err(refused("nowhere", "an address").into()) };
            if is_secure(&target) && !is_secure(&next) {
                return Err(refused(&next, "an address with https://, as the one before").into());
            }
            if !is_secure(&next) && !next.to_ascii_lowercase().starts_with("http://") {
                return Err(refused(&next, "an address with https:// or http://").into());
            }
            target = next;
        }
        let expected = format!("at most {} redirections", self.redirects);
        Err(FetchError::Redirect { url: url.to_owned(), target, expected }.into())
    }

    fn get_directly(&self, url: &str, rest: Option<&Rest>) -> Result<Response<Body>, Failure> {
        if let (true, Some(missing)) = (is_secure(url), &self.lacking) {
            return Err(FetchError::Processor { missing: missing.clone() }.into());
        }
        let mut request = self.agent.get(url);
        if let Some(rest) = rest {
            request = request.header("range", format!("bytes={}-", rest.from));
            if let Some(mark) = &rest.mark {
                request = request.header("if-range", mark);
            }
        }
        request.call().map_err(|error| failure(url, &error))
    }
}

/// How the agent is set up.
fn settings(config: &ClientConfig) -> Result<Config, FetchError> {
    Ok(Agent::config_builder()
        .tls_config(tls::config(config.ca.as_deref())?)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("colearn-fetch/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_connect(Some(config.patience))
        .timeout_recv_response(Some(config.patience))
        .timeout_per_read(Some(config.patience))
        .build())
}

/// An encoding that the body has, and that nobody asked for.
pub(crate) fn unasked_encoding(answer: &Response<Body>) -> Option<String> {
    let values = answer.headers().get_all("content-encoding").iter();
    let texts = values.map(|value| shown::bytes(value.as_bytes()));
    texts.into_iter().find(|text| !text.trim().is_empty() && !text.trim().eq_ignore_ascii_case("identity"))
}

/// A header in its first form, where it is text.
pub(crate) fn header(answer: &Response<Body>, name: &str) -> Option<String> {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn failure(url: &str, error: &ureq::Error) -> Failure {
    let again = match error {
        // A certificate that is not trusted comes as invalid data.
        ureq::Error::Io(error) => error.kind() != ErrorKind::InvalidData,
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => true,
        _ => false,
    };
    let reason = error.to_string().replace(['\n', '\r'], " ");
    Failure::new(FetchError::Transfer { url: url.to_owned(), reason }, again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_processor_is_a_message_and_no_panic() {
        let mut client = Client::new(&ClientConfig::default()).unwrap();
        client.lacking = Some("adx, avx2".to_owned());
        let failure = client.get("https://127.0.0.1:9/", None).unwrap_err();
        assert!(!failure.again);
        let message = failure.error.to_string();
        assert!(
            message.starts_with("https: found a processor without adx, avx2; expected all of"),
            "{message}"
        );
    }
}

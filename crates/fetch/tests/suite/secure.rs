use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::tempdir;

use super::*;
use crate::server::{Connection, Reply, Request, Server, file};

const TAG: &str = "\"one\"";

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

/// A server that shows the certificate `name`.
fn secure(name: &str, answer: impl Fn(&Request, usize) -> Reply + Send + 'static) -> Server {
    let chain = vec![CertificateDer::from_pem_file(certificate(&format!("{name}.pem"))).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate(&format!("{name}.key"))).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let wrap = move |stream: TcpStream| -> Box<dyn Connection> {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(StreamOwned::new(connection, stream))
    };
    Server::start_with(wrap, answer)
}

fn trusting(name: &str) -> ClientConfig {
    ClientConfig { ca: Some(certificate(name)), ..ClientConfig::default() }
}

#[test]
fn a_file_comes_through_tls_and_goes_on_where_it_broke_off() {
    let bytes = content(300_000);
    let served = bytes.clone();
    let server = secure("here", move |request, before| {
        let reply = file(request, &served, TAG);
        if before == 0 { reply.cut(100_000) } else { reply }
    });
    let folder = tempdir().unwrap();
    let target = folder.path().join("a.bin");
    for host in ["127.0.0.1", "localhost"] {
        let source = checked(format!("https://{host}:{}/a", server.port()), &bytes);
        get_with(&trusting("authority.pem"), &source, &target).0.unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), bytes);
    }
    assert_eq!(server.requests()[1].from(), Some(100_000));
}

#[test]
fn a_server_that_is_not_vouched_for_gets_no_request() {
    for (name, config, message) in [
        ("here", trusting("stranger.pem"), "UnknownIssuer"),
        ("here", ClientConfig::default(), "UnknownIssuer"),
        ("elsewhere", trusting("authority.pem"), "certificate not valid for name"),
    ] {
        let server = secure(name, |request, _| file(request, b"x", TAG));
        let folder = tempdir().unwrap();
        let target = folder.path().join("a.bin");
        let url = format!("https://127.0.0.1:{}/a", server.port());
        let (result, notes) = get_with(&config, &remote(url.clone()), &target);
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{url}: ")) && error.contains(message), "{error}");
        assert!(notes.is_empty(), "nothing is tried again: {notes:?}");
        assert!(server.requests().is_empty());
        assert!(!target.exists());
    }
}

#[test]
fn a_redirection_may_lead_into_tls_but_not_out_of_it() {
    let open = Server::start(|_, _| Reply::new("200 OK", "", b"read by all"));
    let target = open.url("plain");
    let inner = secure("here", move |request, _| match request.path.as_str() {
        "/out" => Reply::new("301 Moved", &format!("Location: {target}\r\n"), b""),
        _ => file(request, b"safe", TAG),
    });
    let base = format!("https://127.0.0.1:{}", inner.port());
    let into = format!("{base}/in");
    let outer = Server::start(move |_, _| Reply::new("307 Moved", &format!("Location: {into}\r\n"), b""));

    let folder = tempdir().unwrap();
    let config = trusting("authority.pem");
    let path = folder.path().join("a.bin");
    let error = get_with(&config, &remote(format!("{base}/out")), &path).0.unwrap_err().to_string();
    let expected = "expected an address with https://, as the one before";
    assert_eq!(error, format!("{base}/out: redirected to {}; {expected}", open.url("plain")));
    assert!(open.requests().is_empty() && !path.exists());
    get_with(&config, &remote(outer.url("a")), &path).0.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"safe");
}

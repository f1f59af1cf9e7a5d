//! A server on 127.0.0.1 that answers one request a connection as a test wants it, and ends when it is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// First byte of the range asked for.
    pub(crate) fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// An answer, byte for byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the connection stays open after the body until the client closes it.
    pub(crate) stall: bool,
}

impl Reply {
    /// Status and headers (each ending in `\r\n`), and a body with its length.
    pub(crate) fn new(status: &str, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        Self { head, body: body.to_vec(), stall: false }
    }

    /// Announces the whole body but sends only so much of it.
    pub(crate) fn cut(mut self, at: usize) -> Self {
        self.body.truncate(at);
        self
    }
}

/// What a good server of one file answers: the file, or the rest of it if the mark still fits.
pub(crate) fn file(request: &Request, content: &[u8], tag: &str) -> Reply {
    let headers = format!("ETag: {tag}\r\nAccept-Ranges: bytes\r\n");
    let fits = request.header("if-range").is_none_or(|mark| mark == tag);
    match request.from().filter(|_| fits) {
        None => Reply::new("200 OK", &headers, content),
        Some(from) if from >= content.len() => Reply::new(
            "416 Range Not Satisfiable",
            &format!("Content-Range: bytes */{}\r\n", content.len()),
            b"",
        ),
        Some(from) => {
            let range = format!("Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
            Reply::new("206 Partial Content", &(headers + &range), &content[from..])
        }
    }
}

/// A connection, encrypted or not.
pub(crate) trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server whose `answer` is given the request and how many came before it.
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Reply + Send + 'static) -> Self {
        Self::start_with(|stream| Box::new(stream), answer)
    }

    /// The same on connections that are wrapped first.
    pub(crate) fn start_with(
        wrap: impl Fn(TcpStream) -> Box<dyn Connection> + Send + 'static,
        answer: impl Fn(&Request, usize) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, ends) = (Arc::clone(&requests), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let mut connection = wrap(stream.unwrap());
                let Some(request) = read(&mut connection) else { continue };
                let before = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                let reply = answer(&request, before);
                // A client that does not want the answer may go.
                let sent = connection
                    .write_all(reply.head.as_bytes())
                    .and_then(|()| connection.write_all(&reply.body))
                    .and_then(|()| connection.flush());
                if sent.is_ok() && reply.stall {
                    let _ = connection.read(&mut [0]);
                }
            }
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// The head of a request; `None` when the client went away.
fn read(connection: &mut dyn Connection) -> Option<Request> {
    let mut lines = BufReader::with_capacity(1, connection).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = lines.next()?.ok()?;
        if line.is_empty() {
            return Some(Request { path, headers });
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

//! A server of static files for this machine only: what the demo page and the browser tests need of HTTP.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

/// Bounds a request's head: a browser sends less than a tenth of it.
const MAX_HEAD_BYTES: u64 = 64 * 1024;

/// A folder at an address of this machine.
pub struct Server {
    folder: PathBuf,
    /// Lines that go with every file.
    headers: String,
    listener: TcpListener,
}

impl Server {
    /// Takes the port; 0 takes any free one.
    pub fn bind(folder: &Path, port: u16) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("{} is not there", folder.display()))?;
        let headers = headers(&std::fs::read_to_string(folder.join("_headers")).unwrap_or_default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        Ok(Self { folder, headers, listener: listener.with_context(|| format!("port {port} is taken"))? })
    }

    /// The address of `index.html`.
    pub fn url(&self) -> String {
        self.listener.local_addr().map(|address| format!("http://{address}/")).unwrap_or_default()
    }

    /// Serves until the program ends; a thread per connection is enough for one visitor.
    pub fn run(self) -> Result<()> {
        for stream in self.listener.incoming().flatten() {
            let (folder, headers) = (self.folder.clone(), self.headers.clone());
            // A visitor who leaves in the middle of a file is not an error.
            std::thread::spawn(move || converse(&folder, &headers, &stream).ok());
        }
        Ok(())
    }
}

/// Answers requests until the visitor closes the connection.
fn converse(folder: &Path, headers: &str, mut stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = reader.by_ref().take(MAX_HEAD_BYTES);
        let (mut request, mut range, mut line) = (String::new(), None, String::new());
        if head.read_line(&mut request)? == 0 {
            return Ok(());
        }
        while head.read_line(&mut line)? > 2 {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("range")
            {
                range = Some(value.trim().to_owned());
            }
            line.clear();
        }
        let mut words = request.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method != "GET" && method != "HEAD" {
            return stream
                .write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        let found = relative_path(target).map(|path| folder.join(path)).and_then(|path| {
            let path = if path.is_dir() { path.join("index.html") } else { path };
            // A link may point out of the folder.
            let path = path.canonicalize().ok().filter(|path| path.starts_with(folder))?;
            Some((File::open(&path).ok()?, mime(&path)))
        });
        match found {
            Some((file, mime)) => send(&mut stream, file, mime, headers, range.as_deref(), method == "HEAD")?,
            None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
        }
    }
}

fn send(
    stream: &mut &TcpStream,
    mut file: File,
    mime: &str,
    headers: &str,
    range: Option<&str>,
    head: bool,
) -> std::io::Result<()> {
    let size = file.metadata()?.len();
    let (status, from, length) = match range.and_then(|range| byte_range(range, size)) {
        Some((from, to)) => {
            (format!("206 Partial Content\r\nContent-Range: bytes {from}-{to}/{size}"), from, to - from + 1)
        }
        None => ("200 OK".to_owned(), 0, size),
    };
    // no-cache means: ask again. A page that was just rebuilt must not meet yesterday's wasm module.
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {length}\r\nAccept-Ranges: bytes\r\n\
         Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n{headers}\r\n"
    )?;
    if !head {
        file.seek(SeekFrom::Start(from))?;
        std::io::copy(&mut file.take(length), stream)?;
    }
    Ok(())
}

/// What the page's build asks its host to send with every file: the lines below the pattern in its `_headers`.
fn headers(file: &str) -> String {
    let lines = file.lines().filter_map(|line| line.strip_prefix("  "));
    lines.flat_map(|line| [line.trim(), "\r\n"]).collect()
}

/// A request's path below the served folder: decoded, without the query, and never leading upwards.
fn relative_path(target: &str) -> Option<PathBuf> {
    let path = decoded(target.split(['?', '#']).next()?.strip_prefix('/')?)?;
    let is_plain = |component: Component| matches!(component, Component::Normal(_));
    let is_safe = !path.contains(['\\', '\0']) && Path::new(&path).components().all(is_plain);
    is_safe.then(|| PathBuf::from(path))
}

fn decoded(path: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), path.bytes());
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(if byte == b'%' { (digit(rest.next())? * 16 + digit(rest.next())?) as u8 } else { byte });
    }
    String::from_utf8(bytes).ok()
}

/// First and last byte of `bytes=3-9`, `bytes=3-` or `bytes=-9`; none if it asks for several ranges or for what is not there.
fn byte_range(header: &str, size: u64) -> Option<(u64, u64)> {
    let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
    let last = size.checked_sub(1)?;
    let (from, to) = match (from, to) {
        ("", suffix) => (size.saturating_sub(suffix.parse().ok()?), last),
        (from, "") => (from.parse().ok()?, last),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.min(last)),
    };
    (from <= to).then_some((from, to))
}

fn mime(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("pdf") => "application/pdf",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_never_lead_out_of_the_folder() {
        assert_eq!(relative_path("/a/b%20c.js?v=1"), Some(PathBuf::from("a/b c.js")));
        assert_eq!(relative_path("/"), Some(PathBuf::new()));
        for target in ["/../x", "/a/%2e%2e/x", "//etc/passwd", "/a\\..\\x", "/%", "/%zz", "/%00", "x"] {
            assert_eq!(relative_path(target), None, "{target}");
        }
    }

    #[test]
    fn the_pages_own_headers_go_along() {
        assert_eq!(headers("/*\n  A: b; c\n  D: e\n"), "A: b; c\r\nD: e\r\n");
        assert_eq!(headers(""), "");
    }

    #[test]
    fn ranges_are_inclusive_and_inside_the_file() {
        assert_eq!(byte_range("bytes=0-3", 10), Some((0, 3)));
        assert_eq!(byte_range("bytes=4-", 10), Some((4, 9)));
        assert_eq!(byte_range("bytes=-3", 10), Some((7, 9)));
        assert_eq!(byte_range("bytes=5-100", 10), Some((5, 9)));
        assert_eq!(byte_range("bytes=10-", 10), None);
        assert_eq!(byte_range("bytes=0-1,3-4", 10), None);
        assert_eq!(byte_range("bytes=0-", 0), None);
    }

    #[test]
    fn wasm_is_served_as_browsers_demand_it_to_compile_while_downloading() {
        assert_eq!(mime(Path::new("x/a_bg.wasm")), "application/wasm");
        assert_eq!(mime(Path::new("x/model.gguf")), "application/octet-stream");
    }
}

//! A relay between an adapter and its vendor that makes the adapter look worse than it is: what a strict
//! parser would choke on comes out as no JSON at all.

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::TcpStream,
};

use parking_lot::Mutex;

use crate::{Answer, Ending, Recorded, Vendor};

/// What the relay spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoils {
    /// Every JSON answer that has this text in it.
    AnswersWith(&'static str),
    /// Every GET that was seen before: as from an adapter that looks at nothing twice.
    SecondLooks,
}

/// A relay to this vendor. It answers in its own name: addresses made of the `Host` header lead here.
pub(crate) fn start(base_url: &str, spoils: Spoils) -> Vendor {
    let address = base_url.trim_start_matches("http://").to_owned();
    let seen = Mutex::new(HashSet::new());
    Vendor::start(move |request| {
        let look = request.method == "GET" && !seen.lock().insert(request.path.clone());
        if look && spoils == Spoils::SecondLooks {
            return Answer::new(404, "application/json", "{}");
        }
        let Some(answer) = forward(&address, request) else {
            return Answer::new(200, "application/json", "").ending(Ending::Reset);
        };
        match spoils {
            Spoils::AnswersWith(text) if String::from_utf8_lossy(&answer.body).contains(text) => {
                Answer { body: b"{".to_vec(), ..answer }
            }
            Spoils::AnswersWith(_) | Spoils::SecondLooks => answer,
        }
    })
}

/// The vendor's answer; `None` where it gives none. The vendor closes after each answer.
fn forward(address: &str, request: &Recorded) -> Option<Answer> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut vendor = TcpStream::connect(address).ok()?;
    vendor.write_all(&[head.as_bytes(), b"\r\n", &request.body].concat()).ok()?;
    let mut bytes = Vec::new();
    vendor.read_to_end(&mut bytes).ok()?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let media_type = head.lines().find_map(|line| line.strip_prefix("content-type: "));
    Some(Answer::new(status, media_type.unwrap_or_default(), &bytes[end + 4..]))
}

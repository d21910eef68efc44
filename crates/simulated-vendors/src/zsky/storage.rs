//! The storage host: another port, which knows no keys and opens for a signed link alone.
//!
//! Like the real one it refuses a request that is signed and carries a credential besides; and such a request is
//! counted as `credential_leak`, for a customer who sends its key to another host has a defect.

use std::sync::Arc;

use hyper::{StatusCode, header::AUTHORIZATION};

use super::{
    Zsky,
    links::{self, Shut},
    work,
};
use crate::{
    answer::{Answer, Ending},
    faults::{Fault, FaultKind, PathClass},
    keys::KeyId,
    server::{Received, Service},
};

/// The path of results, before the job's id.
const FOLDER: &str = "/zsky-results/";

#[derive(Debug)]
pub(crate) struct Storage(pub(crate) Arc<Zsky>);

/// Where a job's result lies.
pub(crate) fn path(id: &str, extension: &str) -> String {
    format!("{FOLDER}{id}.{extension}")
}

impl Service for Storage {
    fn now_ms(&self) -> i64 {
        self.0.stage.clock.now_ms()
    }

    fn max_body(&self) -> usize {
        0
    }

    async fn handle(self: Arc<Self>, request: Received) -> Answer {
        let (zsky, now_ms) = (&self.0, self.now_ms());
        let credential = ["x-api-key", AUTHORIZATION.as_str()]
            .iter()
            .find_map(|name| request.headers.get(*name)?.to_str().ok());
        let class = if credential.is_some() { "credential_leak" } else { "results" };
        let key = credential.map(|credential| KeyId::of(credential).fingerprint);
        let method = request.method.as_str();
        let number = zsky.stage.requests.received(class, method, &request.path, key, now_ms);
        let (answer, fault) = if credential.is_some() {
            let message = "Only one auth mechanism allowed";
            (refusal(StatusCode::BAD_REQUEST, "InvalidArgument", message), None)
        } else {
            zsky.fetch(&request, now_ms).await
        };
        let status = (answer.ending != Ending::Reset).then_some(answer.status.as_u16());
        zsky.stage.requests.answered(number, status, fault.map(|fault| fault.name()));
        answer
    }
}

impl Zsky {
    async fn fetch(self: &Arc<Self>, request: &Received, now_ms: i64) -> (Answer, Option<Fault>) {
        let settings = self.settings();
        if request.method.as_str() != "GET" {
            let message = "The specified method is not allowed against this resource.";
            return (refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message), None);
        }
        match links::check(settings.seed, &request.path, &request.query, now_ms) {
            Ok(()) => {}
            Err(Shut::WrongSignature) => {
                let message = "The request signature we calculated does not match the signature you provided.";
                return (refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message), None);
            }
            Err(Shut::Expired) => {
                let message = "Request has expired";
                return (refusal(StatusCode::FORBIDDEN, "AccessDenied", message), None);
            }
        }
        let class = PathClass::Results;
        let fault = self.stage.faults.draw(class, &settings.faults, settings.seed);
        let id = request.path.strip_prefix(FOLDER).and_then(|name| name.split('.').next());
        let job = id.and_then(|id| {
            let books = self.books.at(now_ms, &settings);
            let record = books.record(id)?;
            record.has_result(now_ms, settings.retention_s).then(|| Arc::clone(&record.job))
        });
        let mut answer = match (job, fault.as_ref().map(|fault| fault.kind)) {
            (None, _) => {
                let message = "The specified key does not exist.";
                refusal(StatusCode::NOT_FOUND, "NoSuchKey", message)
            }
            (Some(_), Some(FaultKind::Status500)) => internal(),
            (Some(job), kind) => match self.made(&job, &settings).await {
                Ok(media) if kind == Some(FaultKind::BadPicture) => {
                    Answer::new(StatusCode::OK, media.mime, vec![work::ruined()])
                }
                Ok(media) if kind == Some(FaultKind::WrongMime) => {
                    Answer::new(StatusCode::OK, "application/x-zsky", media.frames)
                }
                Ok(media) => Answer::new(StatusCode::OK, media.mime, media.frames),
                Err(_) => internal(),
            },
        };
        if let Some(fault) = &fault {
            answer = fault.spoil(answer).await;
        }
        (answer, fault)
    }
}

fn internal() -> Answer {
    let message = "We encountered an internal error. Please try again.";
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Answer::new(status, "application/xml", vec![body.into()])
}

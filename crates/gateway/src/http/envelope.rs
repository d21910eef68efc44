//! What surrounds every request: its id, the errors' one shape, the access log, the metrics, and a
//! net under panics.
//!
//! It is one layer and not five, because each would box a future of its own, and because the pieces
//! need each other: the error's body and the log line carry the id, the metric counts the status
//! that was really sent.

use std::{
    any::Any,
    future::{Ready, ready},
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use actix_web::{
    Error, HttpMessage, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::Data,
};
use engine::{Code, Refusal};
use futures_util::{FutureExt, future::LocalBoxFuture};
use records::Team;

use super::{
    State,
    error::{self, Refused, refusal_of_status},
    request_id::{RequestId, X_REQUEST_ID},
    standing::Standing,
};

/// The pattern of the route that took a request, put there by the route table.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoutePattern(pub(super) &'static str);

/// Whose request it is, put there by authentication; for the log.
#[derive(Debug, Clone)]
pub(super) struct OfTeam(pub(super) Arc<Team>);

/// The label of requests that no route took.
const UNMATCHED: &str = "unmatched";

/// The outermost layer of the application: `App::new().configure(..).wrap(Envelope::new(state))`.
#[derive(Debug, Clone)]
pub struct Envelope(Data<State>);

/// Routes that machines ask for.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

impl Envelope {
    /// An envelope around an application with this state.
    pub fn new(state: Data<State>) -> Self {
        Self(state)
    }
}

impl<S, B> Transform<S, ServiceRequest> for Envelope
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = EnvelopeService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(EnvelopeService { service: Rc::new(service), state: self.0.clone() }))
    }
}

/// [`Envelope`] around one worker's application.
#[derive(Debug)]
pub struct EnvelopeService<S> {
    service: Rc<S>,
    state: Data<State>,
}

impl<S, B> Service<ServiceRequest> for EnvelopeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let service = Rc::clone(&self.service);
        let state = self.state.clone();
        Box::pin(async move {
            let seen = Seen {
                id: RequestId::of(request.headers(), state.engine.ids()),
                method: request.method().clone(),
                at: Instant::now(),
            };
            // The inner call is made inside the net: handlers run their first lines at once.
            let inner = AssertUnwindSafe(async move { service.call(request).await });
            match inner.catch_unwind().await {
                Ok(Ok(response)) => Ok(seen.finish(&state, response.map_into_boxed_body())),
                Ok(Err(error)) => Err(error),
                Err(panic) => Err(seen.panicked(&state, &panic).into()),
            }
        })
    }
}

/// A request as it came.
struct Seen {
    id: RequestId,
    method: Method,
    at: Instant,
}

impl Seen {
    fn finish(&self, state: &State, response: ServiceResponse) -> ServiceResponse {
        let mut response = self.shape(response);
        response.headers_mut().insert(X_REQUEST_ID, self.id.header());
        let standing = response.request().extensions_mut().remove::<Standing>();
        if let Some(standing) = standing {
            standing.write(response.headers_mut());
        }
        let pattern = response.request().app_data::<RoutePattern>();
        let route = pattern.map_or(UNMATCHED, |pattern| pattern.0);
        let team = response.request().extensions().get::<OfTeam>().cloned();
        let team = team.as_ref().map_or("", |team| team.0.id.as_str());
        self.tell(state, route, response.status(), team);
        response
    }

    /// Writes the body of an error; whatever else it says it keeps its headers.
    fn shape(&self, mut response: ServiceResponse) -> ServiceResponse {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return response;
        }
        let refused = response.response_mut().extensions_mut().remove::<Refused>();
        let refusal = refused.map_or_else(|| refusal_of_status(status), |refused| refused.0);
        let body = error::write(&refusal, self.id.as_str());
        let mut response = response.map_body(|_, _| BoxBody::new(body));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    fn panicked(&self, state: &State, panic: &Box<dyn Any + Send>) -> Panicked {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(request_id = self.id.as_str(), panic = text, "a handler panicked");
        self.tell(state, UNMATCHED, StatusCode::INTERNAL_SERVER_ERROR, "");
        Panicked(self.id.clone())
    }

    fn tell(&self, state: &State, route: &'static str, status: StatusCode, team: &str) {
        let took = self.at.elapsed();
        state.metrics.http(route, self.method.as_str(), status.as_u16(), took);
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (method, status, request_id) =
            (self.method.as_str(), status.as_u16(), self.id.as_str());
        // Probes and scrapes come every few seconds and would bury what people did.
        if PROBES.contains(&route) {
            tracing::debug!(target: "access", method, route, status, duration_ms, request_id, "probe");
        } else {
            tracing::info!(
                target: "access", method, route, status, duration_ms, request_id,
                team = (!team.is_empty()).then_some(team), "request"
            );
        }
    }
}

/// The answer to a request whose handler panicked. The request went down with it, so this error
/// passes by [`Seen::finish`] and writes itself.
#[derive(Debug)]
struct Panicked(RequestId);

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a handler panicked")
    }
}

impl ResponseError for Panicked {
    fn error_response(&self) -> HttpResponse {
        let message = "something went wrong inside the gateway";
        let refusal = Refusal::new(Code::InternalError, message);
        HttpResponse::InternalServerError()
            .insert_header((X_REQUEST_ID, self.0.header()))
            .content_type("application/json")
            .body(error::write(&refusal, self.0.as_str()))
    }
}

//! An answer before it is put on the wire.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) outcome: &'static str,
    /// For the log: the tool that was called, the client that called itself so.
    pub(super) tool: Option<String>,
    pub(super) client: Option<String>,
}

impl Answer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), outcome: "allowed", tool: None, client: None }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { body: body.to_string(), ..Self::empty(status) }.header("content-type", "application/json")
    }

    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }.header("content-type", "text/plain; charset=utf-8")
    }

    /// An error that says what the client may know and no more.
    pub(super) fn failure(status: u16, error: &str, message: &str) -> Self {
        Self::json(status, &json!({ "error": error, "message": message })).outcome("refused")
    }

    pub(super) fn invalid() -> Self {
        Self::failure(400, "invalid_input", "The request is not valid.").outcome("invalid")
    }

    pub(super) fn not_found() -> Self {
        Self::failure(404, "not_found", "There is nothing here.")
    }

    /// RFC 9110 section 11.6.1: a 401 names the scheme.
    pub(super) fn denied() -> Self {
        Self::failure(401, "unauthorised", "A valid bearer token is required.")
            .header("www-authenticate", "Bearer")
            .outcome("denied")
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(super) fn outcome(mut self, outcome: &'static str) -> Self {
        self.outcome = outcome;
        self
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

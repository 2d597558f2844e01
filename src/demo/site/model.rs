//! A stand-in for a local LLM server with Ollama's face, behind a proxy that asks for a key.

use axum::http::{Method, Request, Response, header};
use serde_json::json;
use tokio::net::TcpListener;

use super::answer::Answer;
use super::listen::{self, Running};
use crate::demo::fault::{Fault, Faults};
use crate::probe::secret::Secret;

/// The proxy is the only way in: the model's own listener is not on the network at all.
pub(in crate::demo) fn start(running: &mut Running, listener: TcpListener, key: Secret, faults: &Faults) {
    let faults = faults.clone();
    if faults.has(Fault::ModelSilent) {
        running.accept(listener, |stream, _| async move {
            let _open = stream;
            std::future::pending::<()>().await;
        });
        return;
    }
    listen::plainly(running, listener, move |_, request| {
        let carried = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let admitted = carried.and_then(|value| value.strip_prefix("Bearer ")) == Some(key.expose());
        if admitted || faults.has(Fault::ModelOpen) {
            ollama(request)
        } else if faults.has(Fault::ModelListOpen) && request.uri().path() == "/api/tags" {
            // Beside a guarded greeting only a model's own fields tell whose list this is.
            Answer::json(200, &json!({ "models": [model()] })).into_response()
        } else {
            Answer::denied().into_response()
        }
    });
}

/// A model with the fields that Ollama's documentation of `/api/tags` shows.
fn model() -> serde_json::Value {
    json!({
        "name": "llama3.2:1b",
        "model": "llama3.2:1b",
        "modified_at": "2026-10-02T09:30:00Z",
        "size": 1_321_098_329,
        "digest": "0".repeat(64),
        "details": { "format": "gguf", "family": "llama", "parameter_size": "1.2B", "quantization_level": "Q8_0" },
    })
}

/// Ollama's own answers (its API documentation): the greeting, the version, the list of models.
fn ollama<B>(request: &Request<B>) -> Response<axum::body::Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Answer::text(405, "405 method not allowed").into_response();
    }
    match request.uri().path() {
        "/" => Answer::text(200, "Ollama is running").into_response(),
        "/api/version" => Answer::json(200, &json!({ "version": "0.12.6" })).into_response(),
        // A fresh server has no models and is open all the same.
        "/api/tags" => Answer::json(200, &json!({ "models": [] })).into_response(),
        "/v1/models" => Answer::json(200, &json!({ "object": "list", "data": null })).into_response(),
        _ => Answer::text(404, "404 page not found").into_response(),
    }
}

//! Which endpoints the deployment has: declared in the policy, described by OpenAPI, found in the repository's routes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::http::{Credential, Listener, Mutation, Request};
use super::{Evidence, Question, Unseen};
use crate::seen_as;
use crate::target::{Deployment, Endpoint, OpenApi, Target};

/// The OpenAPI description (JSON or YAML), from a path on the target or from a file.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Description {
    /// A path on the target, requested with the valid token where there is one. `servers` in it never widen the scope.
    Path(String),
    File(String),
}

impl Description {
    /// The description that the target names, if any.
    pub fn of(target: &Target) -> Option<Self> {
        match target.deployment().ok()?.openapi.as_ref()? {
            OpenApi::Path(path) => Some(Self::Path(path.clone())),
            OpenApi::File(path) => Some(Self::File(path.to_string_lossy().into_owned())),
        }
    }
}

impl Question for Description {
    seen_as!(Api => Operations);

    fn ceiling(&self, _target: &Target) -> u32 {
        match self {
            Self::Path(_) => 4,
            Self::File(_) => 0,
        }
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        match self {
            Self::Path(_) => Listener::Main.host(target).into_iter().collect(),
            Self::File(_) => BTreeSet::new(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Path(path) => format!("the OpenAPI description at {path}"),
            Self::File(file) => format!("the OpenAPI description in {file}"),
        }
    }
}

/// The operations that the description lists.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Operations {
    pub operations: Vec<Operation>,
    /// What could not be read, in words; empty where everything was.
    pub unread: Vec<String>,
}

/// How many operations of a description are judged at most; the rest is said to be unjudged.
pub const OPERATIONS: usize = 200;

/// One operation, with what is needed to send a valid or a deliberately invalid request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Operation {
    /// Upper case.
    pub method: String,
    /// The path template: `/items/{id}`.
    pub template: String,
    /// The path with each parameter filled by its example or a value that its schema allows, required query included.
    pub path: String,
    /// False where `security: []` makes it public.
    pub secured: bool,
    pub parameters: Vec<Parameter>,
    /// The schema of the JSON body, references resolved; `None` without a JSON body.
    #[serde(default)]
    pub body: Option<serde_json::Value>,
    #[serde(default)]
    pub body_required: bool,
    /// The media types that the body may have, as described.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<String>,
    /// An example body from the description, or one built from the schema.
    #[serde(default)]
    pub example: Option<serde_json::Value>,
}

impl Operation {
    /// An operation without inputs, behind the credential; its template is its path.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_uppercase(),
            template: path.to_owned(),
            path: path.to_owned(),
            secured: true,
            parameters: Vec::new(),
            body: None,
            body_required: false,
            media: Vec::new(),
            example: None,
        }
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Parameter {
    pub name: String,
    /// `path`, `query`, `header` or `cookie`.
    pub place: String,
    pub required: bool,
    /// References resolved.
    pub schema: serde_json::Value,
    /// An example from the description, or a value that its schema allows; `None` where none could be made.
    #[serde(default)]
    pub example: Option<serde_json::Value>,
}

impl Operation {
    /// The request path with these values in place of the parameters, or without those that are `None`; query
    /// parameters come in the order of the description. `None` where a path parameter has no value.
    pub fn fill(&self, value: &dyn Fn(&Parameter) -> Option<String>) -> Option<String> {
        let mut path = self.template.clone();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let mut asked = false;
        for parameter in &self.parameters {
            match parameter.place.as_str() {
                "path" => {
                    let encoded: String = url::form_urlencoded::byte_serialize(value(parameter)?.as_bytes()).collect();
                    path = path.replace(&format!("{{{}}}", parameter.name), &encoded.replace('+', "%20"));
                }
                "query" => {
                    if let Some(value) = value(parameter) {
                        query.append_pair(&parameter.name, &value);
                        asked = true;
                    }
                }
                _ => {}
            }
        }
        if path.contains('{') {
            return None;
        }
        Some(if asked { format!("{path}?{}", query.finish()) } else { path })
    }
}

impl Parameter {
    /// Its example as it stands in a URL or a header.
    pub fn example_text(&self) -> Option<String> {
        text_of(self.example.as_ref()?)
    }
}

/// A value as it stands in a URL; `None` for objects and lists, whose form depends on the style.
pub fn text_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

/// The credential that the deployment should admit: the token where one is named, else none.
pub fn admitted(target: &Target) -> Credential {
    let named = target.deployment.as_ref().is_some_and(Deployment::has_credential);
    if named { Credential::Valid } else { Credential::None }
}

/// The credential that looks most like the one that is admitted and is not: the token with one character changed; a made-up
/// one where there is no token to change.
pub fn mistaken(target: &Target) -> Credential {
    let named = target.deployment.as_ref().is_some_and(|deployment| deployment.token.is_some());
    if named { Credential::Mutated(Mutation::OneCharacter) } else { Credential::Wrong }
}

/// A path that no deployment has: what a 404 looks like. Shared by every check that needs one.
pub fn absent(target: &Target) -> Request {
    Request::get("/watertight-no-such-path").with(admitted(target))
}

/// A body that is no JSON at all, to an endpoint that reads JSON: it cannot be valid, so nothing is written.
pub fn malformed(target: &Target, method: &str, path: &str) -> Request {
    Request::new(method, path)
        .with(admitted(target))
        .header("accept", "application/json, text/event-stream")
        .json("{\"watertight\": [tru")
}

/// Whether requests of this method carry a body that the deployment reads.
pub fn has_body(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

/// Every endpoint known for the target, declared ones first, without repetition; and what could not be read.
///
/// Zero endpoints is for the check to call inconclusive.
pub fn endpoints(target: &Target, seen: &Evidence) -> (Vec<Endpoint>, Vec<Unseen>) {
    let Ok(deployment) = target.deployment() else { return (Vec::new(), Vec::new()) };
    let mut known = deployment.endpoints.clone();
    let mut unseen = Vec::new();
    if let Some(description) = Description::of(target) {
        match seen.of(&description) {
            Err(why) => unseen.push(why),
            Ok(operations) => {
                unseen.extend(operations.unread.iter().cloned().map(Unseen::Partial));
                for operation in &operations.operations {
                    let endpoint = Endpoint {
                        method: operation.method.clone(),
                        path: operation.path.clone(),
                        // `security: []` is the deployment's own word; only the policy makes an endpoint public.
                        public: None,
                        method_named: true,
                    };
                    let bare = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
                    if !known
                        .iter()
                        .any(|other| other.method == endpoint.method && bare(&other.path) == bare(&endpoint.path))
                    {
                        known.push(endpoint);
                    }
                }
            }
        }
    }
    (known, unseen)
}

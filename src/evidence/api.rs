//! Which endpoints the deployment has: declared in the policy, described by OpenAPI, found in the repository's routes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::http::Listener;
use super::{Evidence, Question, Unseen};
use crate::seen_as;
use crate::target::{Endpoint, OpenApi, Target};

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
    /// An example body from the description, or one built from the schema.
    #[serde(default)]
    pub example: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Parameter {
    pub name: String,
    /// `path`, `query`, `header` or `cookie`.
    pub place: String,
    pub required: bool,
    pub schema: serde_json::Value,
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

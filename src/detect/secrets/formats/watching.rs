//! Logs, metrics, alarms.

use super::Class::{Alnum, Base64, Hex, Upper, Url};
use super::Part::{Fixed, Run};
use super::{Format, UUID, format, lead};

pub(super) const FORMATS: &[Format] = &[
    format(
        "grafana-token",
        "Grafana service account token",
        "glsa_",
        &[Run(Alnum, 32, 32), Fixed("_"), Run(Hex, 8, 8)],
    ),
    format("grafana-cloud-token", "Grafana Cloud token", "glc_eyJ", &[Run(Base64, 40, 400)]),
    format("newrelic-key", "New Relic user key", "NRAK-", &[Run(Upper, 27, 27)]),
    format("newrelic-key", "New Relic insert key", "NRII-", &[Run(Url, 32, 32)]),
    format("sentry-token", "Sentry organisation token", "sntrys_eyJ", &[Run(Base64, 80, 400)]),
    format("sentry-token", "Sentry user token", "sntryu_", &[Run(Hex, 64, 64)]),
    lead("newrelic-key", "New Relic licence key", "NRAL", (Alnum, 36, 36), &[]),
    format("honeycomb-key", "Honeycomb ingest key", "hcaik_", &[Run(Alnum, 58, 60)]),
    format("axiom-token", "Axiom API token", "xaat-", UUID),
    format("axiom-token", "Axiom personal token", "xapt-", UUID),
    format("checkly-key", "Checkly API key", "cu_", &[Run(Hex, 32, 32)]),
    format("rootly-key", "Rootly API key", "rootly_", &[Run(Hex, 64, 64)]),
    format("firehydrant-token", "FireHydrant bot token", "fhb-", &[Run(Hex, 32, 32)]),
];

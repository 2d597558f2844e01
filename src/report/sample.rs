//! One report with every status, for the tests of the formats.

use chrono::{DateTime, NaiveDate};

use super::{
    AttestationLine, BoxLine, Coverage, EndpointCoverage, FindingLine, PolicyLine, Report, ResultLine, RunLine,
    StatementLine, Summary, Tool, WaiverLine,
};
use crate::check::{Place, Severity, Status};

pub(crate) fn report() -> Report {
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let mut fails = result("rate-limit", Status::Fail);
    fails.findings = vec![FindingLine {
        what: "34 requests accepted in 60 s, and 30 are allowed".into(),
        severity: Severity::High,
        place: Place::url(
            "https://mcp.example.test/api/items?page=1&with=a-rather-long-query-that-has-to-be-broken-somewhere",
        ),
        id: "0123456789abcdef".into(),
        waived: false,
        waiver: None,
        standing: None,
    }];
    let mut unseen = result("certificate-trust", Status::Inconclusive);
    unseen.unseen = vec!["timed out: no ServerHello in 5 s".into()];
    let mut waived = result("cors-origins", Status::Waived);
    waived.findings = vec![FindingLine {
        what: "a hostile origin is granted".into(),
        severity: Severity::High,
        place: Place::url("https://mcp.example.test/mcp"),
        id: "fedcba9876543210".into(),
        waived: true,
        waiver: None,
        standing: None,
    }];
    waived.waiver = Some(WaiverLine {
        reason: "old widget, ticket SEC-12".into(),
        owner: "platform".into(),
        until: date(2027, 1, 31),
    });
    let mut attested = result("audit-schedule", Status::Pass);
    attested.attestation = Some(AttestationLine {
        by: "security lead".into(),
        on: date(2026, 11, 1),
        until: date(2027, 2, 1),
        statement: "quarterly review held".into(),
    });
    let mut passes = result("tls-version", Status::Pass);
    passes.grounds = vec!["TLS 1.1 refused by an alert, 1.3 accepted".into()];
    let mut absent = result("certificate-pinning", Status::NotApplicable);
    absent.notes = vec!["no pins are asked for".into()];
    Report {
        version: Report::VERSION,
        tool: Tool { name: "watertight".into(), version: "0.1.0".into() },
        policy: PolicyLine {
            name: "MCP server security policy".into(),
            file: "policy.yaml".into(),
            sha256: "0".repeat(64).into(),
            trusted: true,
        },
        run: RunLine {
            id: "0011223344556677".into(),
            started: at("2026-11-20T12:00:00Z"),
            finished: at("2026-11-20T12:01:10Z"),
            complete: true,
            scheduled: false,
            vantage: "loopback".into(),
            authorised: None,
        },
        summary: Summary { pass: 2, fail: 1, inconclusive: 1, not_applicable: 1, waived: 1 },
        boxes: vec![BoxLine {
            number: 4,
            text: "Rate limiting configured on all API endpoints".into(),
            status: Status::Fail,
            checks: vec!["rate-limit".into()],
        }],
        results: vec![fails, unseen, waived, attested, passes, absent],
        coverage: Coverage {
            requests: 120,
            connections: 14,
            endpoints: EndpointCoverage { known: 3, judged: 3 },
            commits: 10,
            blobs: 42,
            bytes: 100_000,
            skipped: vec!["production: the certificate chain: timed out".into()],
        },
        statements: vec![StatementLine {
            id: "MCP-4".into(),
            text: "at most 30 requests per minute".into(),
            status: Status::Fail,
            checks: vec!["rate-limit".into()],
        }],
        notices: Vec::new(),
        document: None,
        drift: None,
    }
}

fn result(check: &str, status: Status) -> ResultLine {
    ResultLine {
        check: check.into(),
        title: format!("what {check} says").into(),
        target: "production".into(),
        status,
        severity: Severity::High,
        statements: vec!["MCP-4".into()],
        grounds: Vec::new(),
        unseen: Vec::new(),
        notes: Vec::new(),
        findings: Vec::new(),
        set_aside: Vec::new(),
        remediation: "Mend it, then audit again.".into(),
        references: vec!["RFC 6585".into()],
        waiver: None,
        attestation: None,
        evidence: vec!["GET /api/items with the valid token".into()],
        rule: "a1b2c3d4e5f6".into(),
        scope: "0f1e2d3c4b5a".into(),
    }
}

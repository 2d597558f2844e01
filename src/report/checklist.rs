//! The security policy's statements and the ten boxes of its checklist, in the reader's order.

/// One sentence of the security policy.
#[derive(Debug)]
pub struct Statement {
    pub id: &'static str,
    pub text: &'static str,
}

/// One box of the checklist and the checks that tick it.
#[derive(Debug)]
pub struct TickBox {
    pub number: u8,
    pub text: &'static str,
    pub checks: &'static [&'static str],
}

const fn statement(id: &'static str, text: &'static str) -> Statement {
    Statement { id, text }
}

const fn tick(number: u8, text: &'static str, checks: &'static [&'static str]) -> TickBox {
    TickBox { number, text, checks }
}

pub const STATEMENTS: [Statement; 30] = [
    statement("SEC-1", "no key, token or password is ever committed"),
    statement("SEC-2", "secrets live in `.env` files, which git ignores"),
    statement("SEC-3", "keys and tokens are rotated every 90 days, or at once when compromised"),
    statement("SEC-4", "development, staging and production use different secrets"),
    statement(
        "SEC-5",
        "a compromise leads to rotation, update everywhere, log audit, and a dated record of the actions",
    ),
    statement("MCP-1", "every API endpoint of the MCP server requires `Authorization: Bearer`"),
    statement("MCP-2", "the token is strong and random, at least 32 characters"),
    statement("MCP-3", "the MCP server is never public without authentication"),
    statement("MCP-4", "at most 30 requests per minute and IP address on API endpoints; beyond that HTTP 429"),
    statement("MCP-5", "CORS allows authorised origins only"),
    statement("MCP-6", "no wildcard origin in production"),
    statement("MCP-7", "every input is validated against a schema"),
    statement("MCP-8", "invalid input gets HTTP 400 and a sanitised message"),
    statement("LLM-1", "local LLM servers are never reachable from outside"),
    statement("LLM-2", "remote access to a local LLM server goes through a reverse proxy with authentication"),
    statement("LLM-3", "network traffic is watched for unauthorised access attempts"),
    statement("AGT-1", "AI agents have the least capabilities they need"),
    statement("AGT-2", "AI agents cannot run sensitive system commands"),
    statement("AGT-3", "every AI agent interaction is logged for audit"),
    statement("TLS-1", "plain HTTP in local development only; no real credential over plain HTTP"),
    statement("TLS-2", "production is HTTPS, always"),
    statement("TLS-3", "TLS 1.2 or higher"),
    statement("TLS-4", "certificates are properly managed: trusted chain, right name, sound key and signature"),
    statement("TLS-5", "certificate renewal is automated"),
    statement("TLS-6", "certificate expiry is monitored"),
    statement("TLS-7", "certificate validation is tested regularly"),
    statement("TLS-8", "pinning is considered where security needs are high"),
    statement("REP-1", "vulnerabilities are reported privately: a named contact, no public issue, time to fix"),
    statement("OPS-1", "security monitoring and logging are in place"),
    statement("OPS-2", "regular security audits are scheduled"),
];

pub const BOXES: [TickBox; 10] = [
    tick(1, "All secrets stored in `.env` files (not committed)", &["secrets-committed", "env-files"]),
    tick(2, "`.gitignore` includes `.env`, `*.env.*`, and sensitive files", &["gitignore"]),
    tick(3, "MCP server uses strong authentication tokens", &["auth-enforced", "token-strength"]),
    tick(4, "Rate limiting configured on all API endpoints", &["rate-limit"]),
    tick(5, "Input validation implemented for all user inputs", &["input-validation", "error-disclosure"]),
    tick(6, "CORS configured with specific allowed origins", &["cors-origins"]),
    tick(
        7,
        "HTTPS enabled in production",
        &["https-enforced", "tls-version", "certificate-trust", "certificate-expiry"],
    ),
    tick(8, "No LLM ports exposed publicly", &["llm-ports"]),
    tick(9, "Security monitoring and logging in place", &["activity-log", "monitoring"]),
    tick(10, "Regular security audits scheduled", &["audit-schedule"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::ALL;

    #[test]
    fn every_check_answers_for_statements_that_exist() {
        for module in ALL {
            assert!(!module.about.statements.is_empty(), "{}", module.about.id);
            for id in module.about.statements {
                assert!(STATEMENTS.iter().any(|statement| statement.id == *id), "{}: {id}", module.about.id);
            }
        }
    }
}

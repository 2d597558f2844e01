//! Every seeded misconfiguration, with the items that must fall when it stands alone: the table that `selftest` proves.

use std::collections::BTreeSet;

/// The faults of one embedded deployment and repository.
#[derive(Clone, Debug, Default)]
pub struct Faults(BTreeSet<Fault>);

impl Faults {
    pub fn of(faults: &[Fault]) -> Self {
        Self(faults.iter().copied().collect())
    }

    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    /// What `--demo=leaky` seeds: every one of the ten boxes breaks, and each could still be judged.
    pub fn leaky() -> Self {
        Self::of(LEAKY)
    }
}

/// What a fault does, and what must follow.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub fault: Fault,
    /// `rate-limit: not there at all`.
    pub what: &'static str,
    /// The checks that fail, all of them.
    pub fells: &'static [&'static str],
    /// The checks that become inconclusive, all of them.
    pub blinds: &'static [&'static str],
}

macro_rules! faults {
    ($($fault:ident: $what:literal, fells $fells:expr, blinds $blinds:expr;)*) => {
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Fault { $($fault),* }

        /// In the order of the checklist.
        pub const CASES: &[Case] =
            &[$(Case { fault: Fault::$fault, what: $what, fells: &$fells, blinds: &$blinds }),*];
    };
}

faults! {
    SecretInTree: "a database password in a configuration file at HEAD", fells ["secrets-committed", "incident-record"], blinds [];
    SecretInHistory: "a token in an old commit", fells ["secrets-committed", "incident-record"], blinds [];
    SecretInHistoryRecorded: "a token in an old commit, with its incident record", fells ["secrets-committed"], blinds [];
    KeyInTree: "a private key at HEAD", fells ["secrets-committed", "incident-record"], blinds [];
    SecretDangling: "a token in a commit that no branch holds", fells ["secrets-committed", "incident-record"], blinds [];
    ShallowClone: "a shallow clone", fells [], blinds ["secrets-committed", "incident-record", "env-files"];
    RepositoryGone: "no repository at the path", fells [], blinds REPOSITORY;

    EnvTracked: ".env is tracked, although ignored", fells ["env-files"], blinds [];
    EnvExampleReal: ".env.example holds the real token", fells [
        "env-files", "secrets-committed", "incident-record", "token-strength", "secret-reuse", "secret-rotation",
    ], blinds [];
    EnvIgnoredHereOnly: ".env is ignored by info/exclude alone", fells ["env-files", "gitignore"], blinds [];

    IgnoreNegated: "!.env.production after .env*", fells [
        "gitignore", "env-files", "secrets-committed", "token-strength",
    ], blinds [];
    IgnoreWithoutKeys: "private keys are not ignored", fells ["gitignore"], blinds [];

    RotationOld: "rotated 120 days ago", fells ["secret-rotation"], blinds [];
    RotationUnchanged: "claimed rotated, the fingerprint of a run before it is the same", fells ["secret-rotation"], blinds [];
    RotationUnregistered: "no rotation register", fells [], blinds ["secret-rotation"];

    SecretShared: "staging and production share the token", fells ["secret-reuse"], blinds [];

    AuthOff: "no authentication at all", fells ["auth-enforced"], blinds ["token-strength", "monitoring"];
    EndpointOpen: "one endpoint without authentication", fells ["auth-enforced"], blinds [];
    AnyTokenAccepted: "any bearer token is accepted", fells ["auth-enforced"], blinds [];
    HalfTokenAccepted: "the first half of the token is enough", fells ["auth-enforced"], blinds [];
    TokenInQueryAccepted: "the token is accepted in the query", fells ["auth-enforced"], blinds [];
    TokenInCookieAccepted: "the token is accepted in a cookie", fells ["auth-enforced"], blinds [];
    OverrideHeaderOpens: "X-Original-URL goes past authentication", fells ["auth-enforced"], blinds [];
    RefusalRedirects: "who is denied is sent to a login page", fells ["auth-enforced"], blinds ["token-strength"];
    RefusalHoldsContent: "a 401 that carries the content all the same", fells ["auth-enforced"], blinds [];
    RouteForgotten: "an open route that only the repository knows", fells ["auth-enforced"], blinds [];
    SlashesOpen: "a doubled slash goes past authentication", fells ["auth-enforced"], blinds [];
    McpModernOpen: "MCP 2026-07-28 needs no credential, initialize does", fells ["auth-enforced"], blinds [];
    McpLegacyOpen: "MCP initialize needs no credential, 2026-07-28 does", fells ["auth-enforced"], blinds [];
    McpListOpen: "tools/list needs no credential", fells ["auth-enforced"], blinds [];
    McpSessionSuffices: "an MCP session id alone is enough", fells ["auth-enforced"], blinds [];
    AlwaysDenied: "401 to everything", fells [], blinds ADMITTED;
    AlwaysWelcome: "200 to everything", fells [], blinds [
        "auth-enforced", "token-strength", "rate-limit", "cors-origins", "input-validation", "error-disclosure",
        "monitoring",
    ];
    AlwaysLimited: "429 to everything", fells [], blinds SERVED;
    FirewallPage: "a firewall's page to everything", fells [], blinds SERVED;
    DeploymentGone: "nothing listens", fells [], blinds LIVE;
    DescriptionGone: "no OpenAPI description", fells [], blinds [
        "auth-enforced", "rate-limit", "cors-origins", "input-validation",
    ];
    TokenUnnamed: "no token in the policy", fells [], blinds [
        "auth-enforced", "token-strength", "rate-limit", "cors-origins", "input-validation", "error-disclosure",
        "agent-capabilities", "activity-log",
    ];

    TokenShort: "a token of 16 characters", fells ["token-strength"], blinds [];
    TokenRepeats: "a token that repeats", fells ["token-strength"], blinds [];

    LimiterOff: "no limiter", fells ["rate-limit"], blinds [];
    LimitDoubled: "twice the limit", fells ["rate-limit"], blinds [];
    LimiterTrustsForwardedFor: "X-Forwarded-For dodges the limiter", fells ["rate-limit"], blinds [];
    LimiterSkipsAnonymous: "requests without a credential are not limited", fells ["rate-limit"], blinds [];
    LimiterSkipsOne: "one endpoint is not limited", fells ["rate-limit"], blinds [];
    LimiterSkipsMcp: "the MCP endpoint is not limited", fells ["rate-limit"], blinds [];
    LimiterSays503: "refused with 503", fells ["rate-limit"], blinds [];

    CorsWildcard: "Access-Control-Allow-Origin: *", fells ["cors-origins"], blinds [];
    CorsReflects: "every origin is granted", fells ["cors-origins"], blinds [];
    CorsReflectsOnErrors: "every origin is granted on errors", fells ["cors-origins"], blinds [];
    CorsGrantsNull: "the origin null is granted", fells ["cors-origins"], blinds [];
    CorsGrantsPrefix: "origins that begin like the allowed one are granted", fells ["cors-origins"], blinds [];
    CorsGrantsSuffix: "origins that end like the allowed one are granted", fells ["cors-origins"], blinds [];
    CorsGrantsPlainTwin: "the allowed origin is granted over plain HTTP", fells ["cors-origins"], blinds [];
    CorsWithoutVary: "granted by origin and kept by caches, without Vary", fells ["cors-origins"], blinds [];
    CorsGrantsLocal: "CORS grants every port of localhost", fells ["cors-origins"], blinds [];
    McpOriginUnchecked: "MCP serves a hostile Origin", fells ["cors-origins"], blinds [];

    BodyUnvalidated: "bodies are not validated", fells ["input-validation"], blinds [];
    ExtraAccepted: "bodies may hold what is not declared", fells ["input-validation"], blinds [];
    QueryUnvalidated: "queries are not validated", fells ["input-validation"], blinds [];
    McpUnvalidated: "tool arguments are not validated", fells ["input-validation"], blinds [];
    InvalidCrashes: "invalid input gets 500", fells ["input-validation"], blinds [];

    ErrorDisclosesStack: "a stack trace in errors", fells ["error-disclosure"], blinds [];
    ErrorDisclosesQuery: "SQL in errors", fells ["error-disclosure"], blinds [];
    ErrorDisclosesUpstream: "an internal address in errors", fells ["error-disclosure"], blinds [];
    ErrorEchoesInput: "an error page echoes the query unescaped", fells ["error-disclosure"], blinds [];
    McpErrorDisclosesStack: "a stack trace in MCP errors", fells ["error-disclosure"], blinds [];
    ErrorRepeatsToken: "errors repeat the credential", fells ["error-disclosure"], blinds [];

    ModelOpen: "an LLM server without authentication", fells ["llm-ports"], blinds [];
    ModelListOpen: "an LLM server whose models can be listed", fells ["llm-ports"], blinds [];
    ModelPublished: "compose publishes the LLM server on every address", fells ["llm-ports"], blinds [];
    ModelSilent: "the LLM port accepts and never answers", fells [], blinds ["llm-ports"];

    ToolUnlisted: "a tool that the policy does not allow", fells ["agent-capabilities"], blinds ["input-validation"];
    ToolShell: "a tool that runs commands", fells ["agent-capabilities"], blinds [];
    ToolChanged: "a description that is not the pinned one", fells ["agent-capabilities"], blinds [];
    AgentBypass: "an agent's settings that allow every command", fells ["agent-capabilities"], blinds [];
    ToolsUnsaid: "the policy names no tools", fells [], blinds ["agent-capabilities", "input-validation"];

    LogOff: "nothing is logged", fells ["activity-log"], blinds [];
    LogSkipsDenied: "denied calls are not logged", fells ["activity-log"], blinds [];
    LogHoldsToken: "the token is logged", fells ["activity-log"], blinds [];
    LogTimeless: "log lines without time", fells ["activity-log"], blinds [];
    LogAddressless: "log lines without address", fells ["activity-log"], blinds [];
    LogOutcomeless: "log lines without outcome", fells ["activity-log"], blinds [];
    LogUnnamed: "the policy names no log", fells [], blinds ["activity-log"];

    CounterStuck: "the counter of denials stands still", fells ["monitoring"], blinds [];
    DenialRuleMissing: "no rule watches denials", fells ["monitoring"], blinds [];
    ExpiryRuleMissing: "no rule watches the certificate", fells ["monitoring"], blinds [];
    MetricsGone: "the metrics page is gone", fells [], blinds ["monitoring"];

    PlainServes: "plain HTTP serves the API", fells ["https-enforced"], blinds [];
    PlainRedirectsElsewhere: "plain HTTP redirects to another host", fells ["https-enforced"], blinds [];
    PlainRedirectsToPlain: "plain HTTP redirects to plain HTTP", fells ["https-enforced"], blinds [];
    PlainDropsPath: "plain HTTP redirects to the front page", fells ["https-enforced"], blinds [];
    PlainServesOne: "plain HTTP redirects, and serves one endpoint", fells ["https-enforced"], blinds [];
    PlainReadsCredential: "plain HTTP serves who sends a credential and redirects the rest", fells ["https-enforced"], blinds [];
    PlainSilent: "the plain listener accepts and never answers", fells [], blinds ["https-enforced"];

    Tls10: "TLS 1.0 is accepted", fells ["tls-version"], blinds [];
    Tls11: "TLS 1.1 is accepted", fells ["tls-version"], blinds [];
    BrokenSuite: "RC4 is accepted", fells ["tls-version"], blinds [];
    OldHelloUnanswered: "no answer to old TLS versions", fells [], blinds ["tls-version"];

    CertificateExpired: "an expired certificate", fells ["certificate-trust", "certificate-expiry", "certificate-renewal"], blinds ADMITTED;
    CertificateExpiring: "a certificate at the end of its life", fells ["certificate-expiry"], blinds [];
    CertificateOfOther: "a certificate for another name", fells ["certificate-trust"], blinds ADMITTED;
    CertificateSelfSigned: "a self-signed certificate", fells ["certificate-trust"], blinds ADMITTED;
    IntermediateMissing: "the intermediate certificate is not sent", fells ["certificate-trust"], blinds [
        "auth-enforced", "token-strength", "rate-limit", "cors-origins", "input-validation", "error-disclosure",
        "agent-capabilities", "activity-log", "certificate-expiry",
    ];
    RenewalUnseen: "no sign of automated renewal", fells [], blinds ["certificate-renewal"];
    PinOfOther: "the pin is of another key", fells ["certificate-pinning"], blinds [];
    PinWithoutBackup: "no backup pin", fells ["certificate-pinning"], blinds [];

    SecurityPolicyPublicIssue: "SECURITY.md asks for public issues", fells ["disclosure-channel"], blinds [];
    SecurityTxtExpired: "security.txt has expired", fells ["disclosure-channel"], blinds [];

    ScheduleMissing: "no scheduled audit", fells [], blinds ["audit-schedule"];
    ScheduleNotKept: "the last scheduled run is long ago", fells ["audit-schedule"], blinds [];
    RunsUnscheduled: "no earlier run was scheduled", fells [], blinds ["audit-schedule"];
    HistoryEmpty: "no earlier run", fells [], blinds ["audit-schedule"];
}

/// What needs the repository.
const REPOSITORY: [&str; 13] = [
    // Routes that stand in the repository are endpoints, too.
    "auth-enforced",
    "secrets-committed",
    "env-files",
    "gitignore",
    "secret-rotation",
    "secret-reuse",
    "incident-record",
    "token-strength",
    "llm-ports",
    "agent-capabilities",
    "https-enforced",
    "disclosure-channel",
    "audit-schedule",
];

/// What needs the valid token to be let in; it is never sent to a server whose certificate is not trusted.
const ADMITTED: [&str; 8] = [
    "auth-enforced",
    "token-strength",
    "rate-limit",
    "cors-origins",
    "input-validation",
    "error-disclosure",
    "agent-capabilities",
    "activity-log",
];

/// What needs the service to answer for itself.
const SERVED: [&str; 10] = [
    "auth-enforced",
    "token-strength",
    "rate-limit",
    "cors-origins",
    "input-validation",
    "error-disclosure",
    "agent-capabilities",
    "activity-log",
    "monitoring",
    "disclosure-channel",
];

/// What needs the deployment to be there at all.
const LIVE: [&str; 16] = [
    "auth-enforced",
    "token-strength",
    "rate-limit",
    "cors-origins",
    "input-validation",
    "error-disclosure",
    "agent-capabilities",
    "activity-log",
    "monitoring",
    "disclosure-channel",
    "https-enforced",
    "tls-version",
    "certificate-trust",
    "certificate-expiry",
    "certificate-renewal",
    "certificate-pinning",
];

/// One fault a box at least, none that hides another.
const LEAKY: &[Fault] = &[
    Fault::SecretInHistory,
    Fault::IgnoreNegated,
    Fault::SecretShared,
    Fault::EndpointOpen,
    Fault::TokenShort,
    Fault::LimitDoubled,
    Fault::BodyUnvalidated,
    Fault::ErrorDisclosesStack,
    Fault::CorsReflects,
    Fault::PlainServes,
    Fault::ModelOpen,
    Fault::ToolShell,
    Fault::LogSkipsDenied,
    Fault::CounterStuck,
    Fault::ScheduleNotKept,
];

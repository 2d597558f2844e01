//! Which check answers for a clause: a subject, what is required or forbidden of it, and nothing that says otherwise.
//!
//! A rule binds only where the action stands near its subject, is not denied where it is required, and is forbidden
//! where it must be. Each pattern is about a subject of the checklist, in English and German.

use std::sync::LazyLock;

use regex::Regex;

use super::language::{Clause, pattern};
use super::quantity;

/// Words between subject and action at most.
const REACH: usize = 14;

/// Where the subject and the rest of what a rule needs may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum About {
    /// In the clause itself.
    Clause,
    /// In the clause, or in the headings and items that it stands under.
    Context,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// The action is required, or said to be done.
    Require,
    /// The action is forbidden.
    Forbid,
    /// The action says itself what is meant.
    Say,
}

struct Written {
    check: &'static str,
    mode: Mode,
    about: About,
    subject: &'static str,
    action: &'static str,
    /// Must be there, too; empty: nothing.
    also: &'static str,
    /// Whoever says this means something else; empty: nothing.
    unless: &'static str,
}

struct Rule {
    written: &'static Written,
    subject: Regex,
    action: Regex,
    also: Option<Regex>,
    unless: Option<Regex>,
}

/// The checks that answer for a clause; `context` are the headings and items above it, nearest last.
pub fn checks(clause: &Clause, context: &str) -> Vec<&'static str> {
    let mut checks: Vec<&'static str> = Vec::new();
    for rule in RULES.iter() {
        if !checks.contains(&rule.written.check) && rule.binds(clause, context) {
            checks.push(rule.written.check);
        }
    }
    checks
}

impl Rule {
    fn binds(&self, clause: &Clause, context: &str) -> bool {
        let text = clause.text.as_str();
        if self.unless.as_ref().is_some_and(|unless| unless.is_match(text)) {
            return false;
        }
        // Under a heading about LLM servers, a proxy with authentication is theirs.
        if self.written.check == "auth-enforced" && LLM.is_match(context) {
            return false;
        }
        let wide = self.written.about == About::Context;
        let in_context = |pattern: &Regex| wide && pattern.is_match(context);
        if self.also.as_ref().is_some_and(|also| !also.is_match(text) && !in_context(also)) {
            return false;
        }
        let subjects: Vec<(usize, usize)> =
            self.subject.find_iter(text).map(|found| (found.start(), found.end())).collect();
        if subjects.is_empty() && !in_context(&self.subject) {
            return false;
        }
        self.action.find_iter(text).any(|action| {
            let near = subjects.is_empty()
                || subjects
                    .iter()
                    .any(|(start, _)| clause.word_at(*start).abs_diff(clause.word_at(action.start())) <= REACH);
            near && self.says(clause, action.start(), action.end(), &subjects)
        })
    }

    fn says(&self, clause: &Clause, start: usize, end: usize, subjects: &[(usize, usize)]) -> bool {
        match self.written.mode {
            Mode::Forbid => clause.forbids(start, end),
            Mode::Say => true,
            Mode::Require => {
                // `no rate limiting`: what is absent is not required.
                let absent = subjects
                    .iter()
                    .any(|(from, to)| (*from != start || *to != end) && ABSENT.is_match(clause.before(*from, 2)));
                !absent && !clause.denies(start, end) && !clause.permits(start)
            }
        }
    }
}

static LLM: LazyLock<Regex> = LazyLock::new(|| expanded("{llm}"));

static ABSENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(no|without|lack(s|ing)?( of)?|missing|kein\w*|ohne) ([\w-]+ )?$"));

/// What the placeholders of the patterns stand for.
const WORDS: [(&str, &str); 7] = [
    (
        "{secret}",
        r"\b(secrets?|credentials?|(?:api|access|private|secret|signing|encryption|cryptographic|service|deploy|ssh)[- ]?keys?|keys?|tokens?|passwords?|passphrases?|connection strings?|sensitive (?:data|information|files?|values?)|zugangsdaten|geheimnisse?n?|kennw(?:o|ö)rte?r?n?|passw(?:o|ö)rte?r?n?|(?:api-?)?schlüsseln?)\b",
    ),
    ("{env}", r"(?:^|[\s(`'])\.env\b|\benv[- ](?:files?|dateien?)\b|\bdotenv\b|\.env-dateien?\b"),
    (
        "{llm}",
        r"\b(?:llms?|llm[- ]\w+|(?:large )?language models?|llama|ollama|local ?ai|lm studio|llama\.?cpp|vllm|inference (?:servers?|endpoints?|ports?|apis?)|model servers?|local models?|sprachmodell\w*|jupyter|open ?webui|11434)\b",
    ),
    ("{cert}", r"\b(?:certificat\w*|certs?|zertifikat\w*)\b"),
    (
        "{agent}",
        r"\b(?:ai agents?|agents?|agentic|ai assistants?|assistants?|mcp tools?|copilots?|ki-?agent\w*|agenten)\b",
    ),
    (
        "{vulnerability}",
        r"\b(?:vulnerabilit\w+|security (?:issues?|concerns?|bugs?|problems?|reports?|flaws?|findings?|weakness\w*)|sicherheitslücken?|schwachstellen?|sicherheitsproblem\w*|responsible disclosure|coordinated disclosure)\b",
    ),
    ("{w}", r"(?:[\p{L}\p{N}_:<>`*./'-]+ )"),
];

fn expanded(text: &str) -> Regex {
    pattern(&WORDS.iter().fold(text.to_owned(), |text, (name, by)| text.replace(name, by)))
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let optional = |text: &str| (!text.is_empty()).then(|| expanded(text));
    WRITTEN
        .iter()
        .map(|written| Rule {
            written,
            subject: expanded(written.subject),
            action: expanded(written.action),
            also: optional(written.also),
            unless: optional(written.unless),
        })
        .collect()
});

use About::{Clause as InClause, Context as InContext};
use Mode::{Forbid, Require, Say};

const fn rule(check: &'static str, mode: Mode, about: About, subject: &'static str, action: &'static str) -> Written {
    Written { check, mode, about, subject, action, also: "", unless: "" }
}

impl Written {
    const fn also(mut self, also: &'static str) -> Self {
        self.also = also;
        self
    }

    const fn unless(mut self, unless: &'static str) -> Self {
        self.unless = unless;
        self
    }
}

/// In the order of the checklist.
const WRITTEN: &[Written] = &[
    rule("secrets-committed", Forbid, InContext, r"{secret}", r"\b(commit\w*|check(?:ed|ing)?[- ]in(?:to)?|push(?:ed|ing)?|version control\w*|source control|version[- ]controlled|vcs|repositor(?:y|ies)|repos?|git history|git|hard-?cod\w+|(?:source|program) code|code ?base|(?:in|into|from) (?:the )?code|versions(?:kontrolle|verwaltung)|quellcode|quelltext|eingecheckt|committet|repository)\b")
        .unless(r"\b(pull requests?|signed commits?|commit signing|issue tracker|branch protection|force[- ]push\w*|push notifications?)\b|^\W*(?:{w}){0,3}\.env\b"),
    rule("env-files", Require, InContext, r"{env}", r"\b(stor\w+|kept|keep|live|load\w*|hold|held|plac\w+|put|use|uses|ignor\w*|abgelegt|gespeichert|liegen|gehören)\b"),
    rule("env-files", Forbid, InContext, r"{env}", r"\b(commit\w*|check(?:ed|ing)?[- ]in(?:to)?|track(?:ed)?|push\w*|version control|source control|repositor(?:y|ies)|git|eingecheckt|committet)\b"),
    rule("gitignore", Require, InContext, r"{env}|{secret}|\.(?:pem|key|p12|pfx|jks)\b|\bfiles?\b|\bdateien\b", r"\.?gitignore\b|\bignored by git\b|\bgit[- ]ignored?\b|\bgit ignores\b|\b(?:exclude[ds]?|ignore[ds]?) (?:from|in|by) (?:git|version control|source control)\b|\bvon git ignoriert\b")
        .unless(r"\bnode_modules\b"),
    rule("secret-rotation", Require, InContext, r"{secret}", r"\b(rotat\w+|rotier\w*|renew\w*|replac\w+|re-?generat\w+|chang(?:e|ed|es|ing)|expir\w+|lifetime|max(?:imum)? age|atmost age|valid (?:for|atmost)|roll(?:ed)? over|swapped(?: out)?|new ones|gewechselt|wechseln|erneuer\w*|ausgetauscht|auszutauschen|getauscht)\b")
        .also(r"\b(\d+[- ]?(?:days?|weeks?|months?|years?|d|tage?n?|monate?n?|jahre?n?|wochen?)|daily|weekly|monthly|quarterly|annual\w*|yearly|(?:every|once an?|once per) (?:quarter|month|year|week)|regular\w*|periodic\w*|on a schedule|regelmäßig\w*|jährlich|vierteljährlich|quartal\w*|monatlich)\b")
        .unless(r"{cert}|\b(log rotation|logs? (?:are|is|files?)|(?:user|employee|staff|customer|personal|admin\w*|account) passwords?|passwords? (?:of|for) {w}{0,2}(?:users?|employees?|staff|customers?|people|humans?)|sessions?|on-?call|backups?|domain|employees?|staff|users? (?:must|shall|should))\b"),
    rule("secret-rotation", Forbid, InContext, r"{secret}", r"\b(?:longer|older|more) than \d+ ?(?:days?|weeks?|months?|years?)\b|\blänger als \d+ ?(?:tage|wochen|monate|jahre)\b")
        .unless(r"{cert}|\b(logs?|sessions?|backups?|employees?|staff|retain\w*|retention)\b"),
    rule("secret-reuse", Require, InContext, r"{secret}", r"\b(different|separate[ds]?|distinct|unique|own|dedicated|isolated|individual|(?:one|a) {w}{0,2}(?:per|for each|for every) environment|unterschiedlich\w*|getrennt\w*|eigene\w*|verschieden\w*)\b")
        .also(r"\b(environments?|staging|production|prod|development|dev|umgebung(?:en)?|produktion\w*|entwicklung\w*)\b"),
    rule("secret-reuse", Forbid, InContext, r"{secret}", r"\b(shar\w+|re-?us\w+|same|identical|copied|copy|use[ds]? (?:in|for|by|across)|wiederverwende\w*|geteilt|dieselben|gleichen?|verwendet)\b")
        .also(r"\b(environments?|staging|umgebung(?:en)?|production|prod|produktion\w*)\b.*\b(environments?|staging|development|dev|test\w*|production|entwicklung\w*|umgebung(?:en)?)\b|\b(?:between|across|zwischen|for) {w}{0,2}(?:environments?|umgebungen)\b"),
    rule("incident-record", Require, InContext, r"\b(compromis\w+|leak(?:ed|s|age|ing)?|exposed|exposure|breach\w*|incidents?|kompromittier\w*|geleakt\w*|vorfall\w*|vorfälle\w*)\b", r"\b(rotat\w+|revok\w+|replac\w+|invalidat\w+|updat\w+|audit\w*|review\w*|document\w*|record\w*|widerruf\w*|gesperrt|rotier\w*|dokumentier\w*|ausgetauscht|ersetzt|aktualisier\w*)\b")
        .also(r"{secret}")
        .unless(r"\b(law enforcement|customers?|press|regulator\w*|post-?mortem meeting)\b"),
    rule("auth-enforced", Say, InContext, r"\b(endpoints?|apis?|mcp|servers?|services?|routes?|requests?|interfaces?|access|calls?|callers?|clients?|endpunkte?n?|schnittstellen?|zugriffe?|anfragen?|resources?)\b",
        r"\b(?:requir\w*|enforc\w*|demand\w*|mandat\w*|erfordern|erfordert|verlang\w*|benötig\w*) {w}{0,5}(?:authenticat\w*|authorization|bearer|tokens?|api[- ]?keys?|credentials?|authentifizierung\w*|anmeldung|zugangstoken)|\b(?:authenticat\w*|authorization|bearer tokens?|api[- ]?keys?|tokens?|credentials?|authentifizierung) {w}{0,4}(?:is|are|must be|has to be|ist|sind|wird) {w}{0,2}(?:required|mandatory|enforced|needed|checked|verified|erforderlich|pflicht|zwingend|geprüft)|\b(?:must|shall|muss|müssen) (?:always )?(?:be authenticated|(?:present|carry|send|include|provide|contain|supply|bear) {w}{0,5}(?:token|bearer|api[- ]?key|credential|authorization)|authenticate|authentifiziert)|\b(?:protected|secured|guarded|geschützt|gesichert) (?:by|with|via|through|behind|mit|durch|per) {w}{0,4}(?:authenticat\w*|tokens?|bearer|api[- ]?keys?|oauth|jwts?|authentifizierung)|\bonly (?:authenticated|authori[sz]ed) {w}{0,2}(?:users?|clients?|requests?|callers?|agents?|services?|access)|\b(?:unauthenticated|anonymous|nicht authentifizierte) {w}{0,6}(?:reject\w*|refus\w*|den(?:y|ied)|401|block\w*|abgelehnt|abgewiesen)|\b(?:reject|refuse|deny|block|answer|respond)\w* {w}{0,4}(?:unauthenticated|anonymous)|\b(?:use|uses|using|implement\w*|enable[ds]?) {w}{0,3}(?:authentication(?: tokens?)?|bearer tokens?|token[- ]based auth\w*)|\bwithout {w}{0,4}(?:tokens?|credentials?|authorization|authentication|bearer|api[- ]?key) {w}{0,6}(?:reject\w*|refus\w*|den(?:y|ied)|401|403|unauthorized)|\bohne {w}{0,4}(?:token|authentifizierung|anmeldung) {w}{0,6}(?:abgelehnt|abgewiesen|401)|\b(?:every|each|all) {w}{0,3}(?:requests?|calls?|clients?|callers?) (?:carr(?:y|ies)|presents?|sends?|includes?|bears?|provides?) {w}{0,5}(?:tokens?|bearer|api[- ]?key|credentials?|authorization)|\bwithout (?:one|it|them) {w}{0,4}(?:401|403|unauthorized|reject\w*|refus\w*)|\b(?:upon|on|against) presentation of {w}{0,4}(?:tokens?|credentials?|api[- ]?keys?)|\byou need {w}{0,3}(?:tokens?|api[- ]?keys?|credentials?)|\b(?:bearer|tokens?|authentication|api[- ]?keys?) (?:on|for) (?:all|every|each) {w}{0,2}(?:endpoints?|routes?|requests?|calls?)|\bauthentication {w}{0,3}(?:in front of|before) {w}?(?:all|every|each|any)|\bauthentication (?:enabled|enforced|in place|configured|implemented|(?:on|for) (?:all|every|each))|\bnur (?:mit|nach) {w}{0,4}(?:token|authentifizierung|anmeldung)")
        .unless(r"{llm}|\b(multi-?factor|mfa|two-?factor|2fa|sso|single sign|ssh|vpn|github|gitlab|databases?|employees?|staff|admin(?:istrator)? accounts?|webhooks?|not require\w*|n't require\w*)\b"),
    rule("auth-enforced", Forbid, InContext, r"\b(mcp|apis?|servers?|services?|endpoints?|interfaces?|access|schnittstellen?|endpunkte?)\b",
        r"\b(?:expos\w*|public\w*|reach\w*|accessib\w*|access\w*|deploy\w*|run|exponier\w*|erreichbar|öffentlich) {w}{0,6}(?:without|ohne) {w}{0,3}(?:authentic\w*|auth|tokens?|credentials?|authentifizierung)|\b(?:unauthenticated|anonymous) {w}{0,2}(?:access|requests?|calls?|clients?|use|endpoints?)")
        .unless(r"{llm}|\b(wikis?|ftp|shares?|buckets?|storage|databases?|ssh)\b"),
    rule("token-strength", Require, InContext, r"\b(?:(?:api|auth\w*|access|bearer|mcp|server|shared)[- ]?)?(?:tokens?|secrets?|api[- ]?keys?|access[- ]?keys?)\b|\bmcp_token\b|\b\w*token\w*",
        r"\b(strong|random\w*|entropy|cryptographic(?:ally)?|unguessable|unpredictable|high-entropy|secure(?:ly)? generated|csprng|\d+[- ]?(?:[a-z]+[- ])?(?:characters?|chars?|bytes?|bits?|zeichen)|starke\w*|zufällig\w*|zufalls\w*)\b")
        .unless(r"{cert}|\b(rsa|ecdsa|ed25519|aes|tls|ssh|passwords?|encryption keys?|context|max[_ ]?tokens|(?:input|output|prompt) tokens|random(?:ly)? (?:sampl|select|chosen|check)\w*|csrf|sessions?)\b"),
    rule("rate-limit", Require, InContext, r"\brate[- ]?limit\w*|\bthrottl\w+|\b\d+ {w}{0,2}(?:requests?|calls?|reqs?|queries|anfragen|aufrufe|zugriffe)\b|\b429\b|\btoo many requests\b|\b(?:rate|request) (?:quotas?|caps?)\b|\banfragen (?:pro|je)\b|\bratenbegrenzung\b|\blimits?\b|\brequests?\b|\bcalls?\b|\b\d+ ?(?:rps|rpm|req/s)\b",
        r"\b(limit\w*|throttl\w*|enforc\w*|appl(?:y|ied|ies)|implement\w*|configur\w*|enable[ds]?|in place|return\w*|respon\w*|reject\w*|receiv\w*|answer\w*|result\w*|gets?|exceed\w*|cap(?:ped)?|atmost|allow(?:ed|s)|must|shall|active|requests?|429|begrenz\w*|beantwortet|erhält|erhalten|beschränk\w*|anfragen|rps|rpm|req/s)\b")
        .also(r"\brate[- ]?limit\w*|\bthrottl\w+|\b429\b|\btoo many requests\b|\bratenbegrenzung\b|(?:requests?|calls?|reqs?|queries|anfragen|aufrufe|zugriffe)\b.*(?:/|\b(?:per|pro|je|every|each|an?|in|within) )\W*{w}{0,4}(?:s|seconds?|minutes?|min|hours?|h|days?|sekunden?|minuten?|stunden?|tag)\b|\bpro minute\b|\b\d+ ?(?:rps|rpm|req/s)\b")
        .unless(r"\b((?:pull|merge|feature|access|data|deletion|support|change) requests?|reports? per|tokens per|e-?mails? per)\b"),
    rule("cors-origins", Require, InContext, r"\bcors\b|\bcross-origin\b|\baccess-control-allow-origin\b|\borigins?\b", r"\b(allow\w*|authori[sz]ed|restrict\w*|whitelist\w*|specific|trusted|limit(?:ed|s)?|only|explicit\w*|approved|known|erlaubt\w*|nur|zugelassen\w*|beschränk\w*)\b")
        .also(r"\bcors\b|\bcross-origin\b|\baccess-control|\b(?:authori[sz]ed|trusted|specific|known|listed|approved|allow-?list(?:ed)?|allowed|erlaubte) {w}{0,2}origins?\b|\bbrowsers?\b|\borigin headers?\b")
        .unless(r"\b(origin of|country of origin|original\w*)\b|(?:\bwildcard\w*|\*) {w}{0,3}(?:is|are|remains?|ist|sind)? ?(?:allowed|permitted|accepted|enabled|erlaubt|zulässig)\b"),
    rule("cors-origins", Forbid, InContext, r"\bcors\b|\bcross-origin\b|\baccess-control-allow-origin\b|\borigins?\b", r"\bwildcard\w*|\*|\b(?:any|all|null|arbitrary|unknown|untrusted|other|beliebige\w*|reflect\w*) {w}?origins?|\b(?:reflect|echo|mirror)\w*|\bwildcard-?origins?"),
    rule("input-validation", Require, InContext, r"\b(inputs?|requests?|payloads?|parameters?|bod(?:y|ies)|arguments?|user[- ](?:supplied|provided) (?:data|content)|data|eingaben?|eingabedaten|fields?|nutzereingaben|benutzereingaben|anfragen)\b", r"\b(validat(?:e|ed|es|ing|ion)|schemas?|zod|pydantic|joi|ajv|type-check\w*|validier\w*|geprüft|schemata)\b")
        .unless(r"{cert}|{vulnerability}|\b(tokens? (?:is|are|must be)|reports?|backups?|data protection|database schemas?|schema migrations?|validat\w+ {w}{0,3}(?:fix|issue|finding|report)s?)\b"),
    rule("input-validation", Require, InContext, r"\b(?:invalid|malformed|bad|unexpected|non-conforming|ungültige\w*|fehlerhafte\w*) {w}{0,3}(?:inputs?|requests?|payloads?|data|parameters?|body|bodies|json|eingaben?|anfragen)\b|\b(?:everything|anything) else\b", r"\b(400|422|reject\w*|refus\w*|bad request|return\w*|respon\w*|answer\w*|beantwortet|abgelehnt|abgewiesen)\b"),
    rule("error-disclosure", Require, InContext, r"\b(errors?|exceptions?|fehler\w*)\b", r"\b(saniti[sz]\w+|generic|scrubbed|redact\w+|neutral\w*|bereinigt\w*|generisch\w*|allgemeine)\b")
        .unless(r"\blogs?\b"),
    rule("error-disclosure", Forbid, InContext, r"\b(errors?|exceptions?|failures?|responses?|stack ?traces?|clients?|users?|answers?|fehler\w*|antworten|4(?:00|22)|500)\b", r"\b(stack ?traces?|internal\w*|implementation details?|sensitive (?:data|information|details)|file ?(?:system )?paths?|sql|debug(?:ging)? (?:information|output|details)|database (?:errors?|details)|query details|interne\w*|stacktraces?|technische\w*)\b")
        .also(r"\b(errors?|exceptions?|failures?|stack ?traces?|fehler\w*|responses?|4(?:00|22)|500)\b")
        .unless(r"\b(logs?|source code|repositor\w+|commit\w*|internal network|report\w*)\b"),
    rule("llm-ports", Forbid, InContext, r"{llm}", r"\b(expos\w*|public\w*|internet|reach\w*|accessib\w*|outside|external\w*|0\.0\.0\.0|all interfaces|open to|internet-facing|exponier\w*|erreichbar|öffentlich\w*)\b")
        .also(r"\bports?\b|{llm}")
        .unless(r"\b(prompts?|system prompt|training|output|responses?|personal data)\b"),
    rule("llm-ports", Require, InContext, r"{llm}", r"\b(localhost|loopback|127\.0\.0\.1|firewall\w*|reverse[- ]?proxy|behind|internal networks?|private networks?|local only|lokal\w*|firewall)\b"),
    rule("llm-ports", Require, InClause, r"{llm}", r"\b(bind|bound|listen\w*|authenticat\w*|credential|token)\b")
        .also(r"\b(must|only|shall|should|require\w*|bind|listen|behind|never|always|muss|nur)\b"),
    rule("agent-capabilities", Require, InContext, r"{agent}", r"\b(least|fewest|minim\w+|restrict\w*|limit(?:ed|s)?|allow-?list\w*|whitelist\w*|only|scoped|sandbox\w*|beschränk\w*|nur|minimal\w*)\b")
        .also(r"\b(capabilit\w+|permissions?|privileges?|tools?|rights|scopes?|befugnisse?|rechte|berechtigung\w*|werkzeuge?|functions?|commands?)\b")
        .unless(r"\b(user[- ]?agents?|rate|requests? per|support agents?|human)\b"),
    rule("agent-capabilities", Forbid, InContext, r"{agent}", r"\b(shells?|(?:sensitive |system )?commands?|command execution|execut\w+|root|sudo|file ?systems?|arbitrary|sensitive system \w+|befehle?|systembefehle?n?)\b")
        .unless(r"\b(user[- ]?agents?)\b"),
    rule("activity-log", Require, InContext, r"{agent}|\b(interactions?|requests?|api calls?|calls?|tool (?:calls?|invocations?|use)|access(?:es)?|authentication|auth|failed (?:logins?|attempts?)|(?:security|audit) events?|security|actions?|activit(?:y|ies)|denials?|zugriffe?|interaktion\w*|anfragen|aktionen|anmelde\w*)\b", r"\b(log|logs|logged|logging|recorded|writ(?:e|ten) down|audit (?:log|trail)s?|protokollier\w*|aufgezeichnet)\b")
        .unless(r"\b(retain\w*|retention|kept for|keep logs|stored for|aufbewahr\w*|archiv\w*|compromis\w*|log rotation|change ?log|logs? (?:are|is|must be|should be) {w}?(?:review|encrypt|protect|forward|ship|tamper|back|stor|rotat|delet|monitor|analy)\w*|log[- ]?in(?:s| page)?|secret access|access to (?:the )?(?:secrets?|vault|data|production))\b|\b(?:review|check|inspect|analy[sz]e)\w* {w}{0,2}logs?\b|^\W*(?:immediately |then |also )?audit\W+(?:the |all )?{w}?logs? for\b"),
    rule("activity-log", Forbid, InClause, r"{secret}|\bauthorization headers?\b", r"\b(log|logs|logged|logging|log ?files?|protokoll\w*|geloggt)\b"),
    rule("monitoring", Require, InContext, r"\b(unauthori[sz]ed|failed (?:log-?ins?|attempts?|auth\w*)|(?:authentication|login) failures?|suspicious|intrusions?|security (?:events?|monitoring|alerts?)|attacks?|anomal\w+|network traffic|abuse|brute[- ]force|angriff\w*|zugriffsversuch\w*|verdächtig\w*|netzwerkverkehr|fehlversuch\w*)\b|{cert}", r"\b(monitor\w*|alert\w*|watch\w*|detect\w*|alarm\w*|überwach\w*|trigger\w*)\b")
        .unless(r"\b(dependenc\w*|cves?|vulnerab\w*|uptime|supply chain|packages?|report(?:er|s|ed|ing)?|mailing list|subscribe|cost|certificate transparency)\b"),
    rule("https-enforced", Require, InClause, r"\bhttps\b|\bhsts\b|\bstrict-transport-security\b", r"\b(always|must|shall|should|only|use[sd]?|enforc\w*|redirect\w*|requir\w*|mandatory|enabled?|turn(?:ed)? on|everywhere|over|via|serve[sd]?|set|sent?|nur|muss|müssen|immer|ausschließlich|erzwungen|https|hsts)\b")
        .also(r"\b(always|must|shall|should|only|uses?|used|enforc\w*|redirect\w*|requir\w*|mandatory|enabled?|turn(?:ed)? on|everywhere|serve[sd]?|over|set|sent?|nur|muss|müssen|immer|ausschließlich|erzwungen)\b")
        .unless(r"\bcertificat\w* (?:expir|renew|pin)\w*"),
    rule("https-enforced", Require, InContext, r"\btls\b|\bssl\b|\bencrypt\w*|\bverschlüsselt\w*", r"\b(always|must|shall|should|only|used?|enforc\w*|requir\w*|mandatory|encrypt\w*|in transit|over|via|is tls|nur|muss|müssen|immer|ausschließlich|verschlüsselt)\b")
        .also(r"\b(traffic|connections?|communicat\w*|in transit|transit|transport\w*|everywhere|api (?:calls?|requests?|traffic)|endpoints? (?:is|are|must)|verbindungen|datenverkehr|verkehr|übertragung\w*)\b")
        .unless(r"{cert}|\b(databases?|smtp|redis|ldap|mails?|e-?mails?|at rest|ciphers?|pgp|gpg|backups?|disks?|fields?|older|lower|below)\b"),
    rule("https-enforced", Forbid, InContext, r"\b(http|plain[- ]?text|clear[- ]?text|unencrypted|insecure (?:connections?|channels?)|unverschlüsselt\w*|klartext)\b", r"\b(transmit\w*|send|sent|connect\w*|traffic|http|connections?|requests?|credentials?|serve[sd]?|accept\w*|listen\w*|channels?|übertrag\w*|verbindung\w*|gesendet)\b")
        .unless(r"\bhttp (?:status|headers?|codes?|methods?|requests?|responses?|errors?|[45]\d\d|verbs?)|\bhttp/\d|\b(logs?|stored?|at rest|databases?|repositor\w+|commit\w*|password|kafka|amqp|mqtt|ftp|telnet|smtp)\b"),
    rule("https-enforced", Require, InContext, r"\b(plain )?http\b|\bport 80\b", r"\b(only|redirect\w*|loopback|localhost|umgeleitet|weitergeleitet|nur)\b")
        .also(r"\b(local\w*|development|redirect\w*|localhost|loopback|entwicklung|lokal\w*|weitergeleitet|umgeleitet)\b")
        .unless(r"\bhttp (?:status|headers?|codes?|methods?|[45]\d\d)|{llm}"),
    rule("tls-version", Say, InContext, r"\btls\w*|\bssl\w*", r"\b(?:tls ?v?)?1\.[0-3]\b|\bssl ?v?[23]\b")
        .unless(r"\b(databases?|smtp|redis|ldap|kafka|amqp|mqtt|e-?mails?)\b"),
    rule("tls-version", Forbid, InContext, r"\bciphers?( suites?)?\b", r"\b(weak|insecure|rc4|3des|des|cbc|obsolete|export|null|outdated|unsichere?)\b"),
    rule("tls-version", Require, InContext, r"\bciphers?( suites?)?\b|\btls\b", r"\b(strong ciphers?|strong cipher suites?|modern ciphers?|forward secrecy|aead)\b"),
    rule("certificate-trust", Require, InContext, r"{cert}", r"\b(valid|trusted|manage(?:d|ment)|publicly trusted|signed by|issued by|chains?|host ?names?|sha-?256|2048|3072|4096|vertrauenswürdig\w*|gültig\w*|verwalt\w*|validat(?:ion|ed))\b")
        .unless(r"\b(pin\w*|client certificates?|code signing|expir\w*|disabl\w*|ignor\w*|skip\w*|bypass\w*|valid for|days|always enforce)\b"),
    rule("certificate-trust", Forbid, InClause, r"{cert}", r"\b(self-signed|sha-?1|untrusted|invalid|selbstsignierte?\w*)\b"),
    rule("certificate-expiry", Require, InContext, r"{cert}", r"\b(expir\w*|(?:days?|weeks?) (?:before|prior)|ablauf\w*|ablaufen|läuft ab)\b")
        .also(r"\b(monitor\w*|alert\w*|alarm\w*|notif\w*|warn\w*|before|prior|must|renew\w*|track\w*|watch\w*|check\w*|überwach\w*|tage|vor)\b"),
    rule("certificate-expiry", Forbid, InClause, r"{cert}", r"\b(expired?|expiring|lapsed?|run out|abgelaufen\w*|ablaufen)\b"),
    rule("certificate-renewal", Require, InContext, r"{cert}|\btls\b", r"\b(automat\w+|acme|let's encrypt|certbot|cert-manager|automatisch)\b")
        .also(r"\b(renew\w*|issu\w*|provision\w*|rotat\w*|erneuer\w*|let's encrypt|acme|certbot|cert-manager|automated certificate|certificate management)\b"),
    rule("certificate-pinning", Require, InContext, r"{cert}|\bpublic keys?\b|\bspki\b", r"\b(pin|pins|pinned|pinning)\b"),
    rule("disclosure-channel", Forbid, InContext, r"{vulnerability}|\breport\w*\b|\bdisclos\w*", r"\b(?:public\w*|open\w*|creat\w*|fil(?:e|ing)|rais\w*|post\w*|use|using|via|through|in|as|öffentlich\w*) {w}{0,4}(?:issues?|issue tracker|pull requests?|discussions?|forums?|channels?|issue)\b|\b(?:public(?:ly)?|öffentlich\w*)\b"),
    rule("disclosure-channel", Say, InContext, r"{vulnerability}|\breport(?:ing)?\b|\bdisclos\w*|\bsecurity\.txt\b", r"\b(?:e-?mail(?:ed)?|emailing|send|contact|write|melden|meldet|schreib\w*) {w}{0,8}(?:emailaddress|maintainers?|security team|us|team|concerns|details|report)|\bemailaddress\b|\bprivate(?:ly)? (?:vulnerability )?(?:report\w*|disclos\w*|channel)|\breport\w* {w}{0,6}(?:privately|confidentially|in private|through|via) |\b(?:security )?advisor(?:y|ies)\b|\bsecurity\.txt\b|\b(?:hackerone|bugcrowd|intigriti)\b|\bvertraulich\w*|\bprivately\b|\bconfidentially\b")
        .also(r"\b(report\w*|disclos\w*|e-?mail\w*|emailaddress|contact|send|write|privat\w*|security\.txt|melde\w*|vertraulich\w*)\b")
        .unless(r"\b(keys? fingerprint|include|customers|incidents?|subscribe\w*|we (?:will )?(?:publish|announce|send))\b"),
    rule("disclosure-channel", Forbid, InClause, r"\bpublic {w}?(?:issues?|tickets?|pull requests?)\b|\böffentliche\w* {w}?(?:issues?|tickets?)\b", r"\b(?:public|öffentliche\w*)\b"),
    rule("disclosure-channel", Say, InClause, r"\bemailaddress\b", r"\b(?:privately|in private|confidentially|vertraulich|before {w}{0,2}(?:go(?:ing)? public|publish\w*)|not (?:to|in|on|via) (?:the |a )?public)\b"),
    rule("disclosure-channel", Require, InContext, r"{vulnerability}|\breport(?:ing)?\b|\bdisclos\w*|\bfix(?:es)?\b", r"\b(reasonable time|embargo\w*|coordinated|before {w}{0,2}(?:public(?:ly)? )?(?:disclos\w*|publish\w*|publication)|prior to {w}{0,2}disclos\w*)\b")
        .also(r"\b(fix\w*|disclos\w*|publish\w*|patch\w*)\b"),
    rule("audit-schedule", Require, InContext, r"\b(?:security |compliance |automated )?audit(?:s|ed)?\b|\bsecurity (?:reviews?|assessments?|checks?)\b|\bcompliance checks?\b|\bsicherheits(?:audits?|überprüfung\w*|prüfung\w*)\b", r"\b(regular\w*|schedul\w*|periodic\w*|quarterly|monthly|weekly|daily|nightly|annual\w*|yearly|every|once an?|twice|semi-?annual\w*|bi-?annual\w*|half-?yearly|recurring|continuous\w*|regelmäßig\w*|halbjährlich\w*|jährlich\w*|monatlich\w*|vierteljährlich\w*|wöchentlich\w*|täglich\w*|geplant\w*)\b")
        .unless(r"\b(penetration|pen-?tests?|third[- ]party|external\w*|independent|access reviews?|code reviews?|dependenc\w*|logs?|audit (?:logs?|trails?)|npm|financial|vendors?|suppliers?|extern\w*)\b|\b(?:after|before|bei|nach) (?:every|each|any|jeder)\b"),
];

/// Whether the limit of this clause holds for some endpoints only: the check holds all of them to one limit.
pub fn is_partial_limit(clause: &Clause) -> bool {
    PARTIAL.is_match(&clause.text)
}

static PARTIAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(log-?in|sign-?in|sign-?up|registration|password[- ]reset|upload|download|export|search|webhook|admin|authentication|auth) (?:attempts?|endpoints?|requests?|routes?|pages?|forms?|apis?|calls?)\b|\bto (?:the )?/\w+|^\W{0,2}/\w[\w/{}.-]*`?\s*:",
    )
});

/// What the clause says of TLS versions must be read, or the check's own minimum would be passed off as the text's.
pub fn names_a_readable_version(clause: &Clause) -> bool {
    quantity::tls_minimum(&clause.text).is_some()
        || clause.text.contains("cipher")
        || clause.text.contains("forward secrecy")
}

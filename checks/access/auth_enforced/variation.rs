//! On one endpoint of each class: every altered or misplaced form of the token, and every trick of path and header. On the
//! others of the class, the first half of the token, as far as `max-altered` goes; what stands on the likeness of their
//! denials alone is said.
//!
//! `bearer` in lower case and two spaces after the scheme are legal (RFC 9110 section 11.1), and two Authorization headers of
//! which one is valid do carry the valid token: neither acceptance nor refusal of these is a fault, so they are not sent. The
//! token in a form body is not sent either: a form could be a write that is valid.

use super::tricks;
use super::{AuthEnforced, Class, Member, endpoint, place};
use crate::check::{Finding, Severity, Verdict};
use crate::detect::answer::{Says, alike};
use crate::evidence::http::{Credential, Exchange, Mutation, Request};
use crate::evidence::mcp::{Conversation, EraAsked};
use crate::evidence::token::TokenAsk;
use crate::evidence::{Ask, Evidence, Question as _, Unseen};
use crate::target::{Target, Token};

pub(super) fn asks(check: &AuthEnforced, target: &Target, seen: &Evidence, class: &Class) -> Vec<Ask> {
    let mutations = mutations(check, target, seen);
    let further = class.further(check).map(|member| member.asked(target, Mutation::Truncated));
    let mut asks: Vec<Ask> = match &class.representative {
        Member::Plain(request) => {
            let altered: Vec<Request> = mutations.into_iter().map(|mutation| altered(request, mutation)).collect();
            let tricks = tricks::asks(check, target, seen, request);
            let doubtful = altered.iter().chain(&tricks).any(|asked| is_doubtful(seen, request, asked));
            let answered = altered.iter().all(|asked| !matches!(seen.of(asked), Err(Unseen::NotAsked)));
            let again = (doubtful || (closes(request) && answered)).then(|| again(request));
            altered.into_iter().chain(tricks).chain(again).map(Ask::from).collect()
        }
        Member::Server { path, era } => {
            let altered = mutations.into_iter().map(|mutation| opened_with(target, path, *era, mutation).into());
            altered.chain(tricks::at_server(check, target, path, *era).map(Ask::from)).collect()
        }
    };
    asks.extend(further);
    for member in class.further(check) {
        if let Member::Plain(request) = member {
            let doubtful = is_doubtful(seen, request, &altered(request, Mutation::Truncated));
            asks.extend(doubtful.then(|| again(request).into()));
        }
    }
    asks
}

/// Asks and sends that one class may take: of the two kinds of representative, the dearer.
pub(super) fn at_most(check: &AuthEnforced, target: &Target, candidates: &[String]) -> (u32, u32) {
    let request = Request::get("/one/two");
    let forms = forms(check, target, true, true);
    let altered = forms.iter().map(|mutation| Ask::from(altered(&request, mutation.clone())));
    let tricks = tricks::at_most(check, target, &request).into_iter().map(Ask::from);
    let plain: Vec<Ask> = altered.chain(tricks).chain([again(&request).into()]).collect();
    let path = candidates.first().map_or("/", String::as_str);
    let opened = |mutation: &Mutation| Ask::from(opened_with(target, path, EraAsked::Sse, mutation.clone()));
    let at_server = tricks::at_server(check, target, path, EraAsked::Legacy).map(Ask::from);
    let servers: Vec<Ask> = forms.iter().map(opened).chain(at_server).collect();
    let most = |asks: &[Ask]| asks.iter().map(|ask| ask.ceiling(target)).sum::<u32>();
    let count = |asks: &[Ask]| u32::try_from(asks.len()).unwrap_or(u32::MAX);
    // The first half of the token on each of the others, and its positive control once more.
    let further = check.max_altered.saturating_mul(2);
    let each = opened(&Mutation::Truncated).ceiling(target).max(again(&request).ceiling(target));
    (
        count(&plain).max(count(&servers)).saturating_add(further),
        most(&plain).max(most(&servers)).saturating_add(further.saturating_mul(each)),
    )
}

pub(super) fn judge(verdict: &mut Verdict, check: &AuthEnforced, target: &Target, evidence: &Evidence, class: &Class) {
    let mutations = mutations(check, target, evidence);
    let tried = mutations.len();
    let mut denied = 0;
    for mutation in mutations {
        if is_denied(verdict, target, evidence, &class.representative, &mutation) {
            denied += 1;
        }
    }
    let path = class.representative.path();
    if tried > 0 {
        verdict.holds(format!("{path}: {denied} of {tried} altered or misplaced forms of the token denied"));
    }
    let halves: Vec<&Member> = class.further(check).collect();
    let denied =
        halves.iter().filter(|member| is_denied(verdict, target, evidence, member, &Mutation::Truncated)).count();
    if class.others.len() > halves.len() {
        verdict.holds(format!(
            "{} more endpoints deny as {path} does, and were tried with no token and with one character changed, {denied} of \
             them with its first half, too; further forms and tricks on {path} alone",
            class.others.len()
        ));
    } else if !halves.is_empty() {
        verdict.holds(format!(
            "{} more endpoints deny as {path} does, no token, one character changed and its first half alike; further forms and \
             tricks were tried on {path} alone",
            halves.len()
        ));
    }
    if let Member::Plain(request) = &class.representative
        && closes(request)
    {
        still_admitted(verdict, evidence, request);
    }
    match &class.representative {
        Member::Plain(request) => tricks::judge(verdict, check, target, evidence, request),
        Member::Server { path, era } => tricks::judge_server(verdict, check, target, evidence, path, *era),
    }
    if token(target).is_some_and(|token| !token.disposable) {
        verdict.not_seen(Unseen::NotAllowed(
            "the token in a query parameter or with a suffix was not tried: such forms may stay in logs and are sent only where \
             the target's token says `disposable: true`"
                .into(),
        ));
    }
}

/// Judges one form of the token at one endpoint; whether it was denied.
fn is_denied(
    verdict: &mut Verdict,
    target: &Target,
    evidence: &Evidence,
    member: &Member,
    mutation: &Mutation,
) -> bool {
    let admitted = match member {
        Member::Plain(request) => admits(evidence, request, mutation),
        Member::Server { path, era } => {
            let asked = opened_with(target, path, *era, mutation.clone());
            evidence.of(&asked).map(|transcript| transcript.era.is_mcp())
        }
    };
    let path = member.path();
    match admitted {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(false) => return true,
        Ok(true) => match told(mutation) {
            Told::Fault(severity) => {
                let what = format!("{mutation} is admitted");
                verdict.finds(Finding::new(what, place(target, path)).aspect(slug(mutation)).of_severity(severity));
            }
            Told::Note => verdict.notes(format!("{mutation}: admitted at {path}")),
        },
    }
    false
}

/// Whether the altered credential is treated as the valid one.
fn admits(evidence: &Evidence, request: &Request, mutation: &Mutation) -> Result<bool, Unseen> {
    let altered = altered(request, mutation.clone());
    let exchange = evidence.of(&altered)?;
    let control = evidence.of(&endpoint::valid(request))?;
    match (Says::of(exchange), Says::of(control)) {
        (Says::Nothing(unseen), _) => Err(unseen),
        (Says::Denied, _) => Ok(false),
        (Says::Served, Says::Served) if alike(exchange, control) || is_of_volatile(evidence, request, exchange) => {
            Ok(true)
        }
        // No denial: nobody is served so without the token, and what was served is not known.
        (Says::Served, _) => Err(Unseen::NotComparable(format!(
            "{} {} answers {} to {mutation}, with another body than the valid token gets",
            request.method, request.path, exchange.status
        ))),
        // The guard was passed, and the body refused as that of the valid token is. A credential that has no proper form may
        // itself be answered with 400 (RFC 6750 section 3.1).
        (Says::Rejected, Says::Rejected)
            if is_well_formed(mutation)
                && exchange.status == control.status
                && control.body.length > 0
                && alike(exchange, control)
                && exchange.header("www-authenticate").is_none() =>
        {
            Ok(true)
        }
        (Says::Rejected | Says::Hidden, Says::Rejected | Says::Hidden) if exchange.status == control.status => {
            Err(Unseen::NotComparable(format!(
                "{} with {mutation} gets {}, as does the valid token",
                request.path, exchange.status
            )))
        }
        (Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken, _) => Ok(false),
    }
}

/// Whether the request was served, and not as the valid token is: then it matters whether that is served alike twice.
fn is_doubtful(seen: &Evidence, request: &Request, asked: &Request) -> bool {
    let Ok(control) = seen.of(&endpoint::valid(request)) else { return false };
    let served = |answer: &Exchange| Says::of(answer) == Says::Served;
    seen.of(asked).is_ok_and(|answer| served(answer) && served(control) && !alike(answer, control))
}

/// Whether an answer is of the kind that the valid token gets, on an endpoint whose every answer differs.
pub(super) fn is_of_volatile(evidence: &Evidence, request: &Request, exchange: &Exchange) -> bool {
    let (Ok(control), Ok(again)) = (evidence.of(&endpoint::valid(request)), evidence.of(&again(request))) else {
        return false;
    };
    let kind = |exchange: &Exchange| {
        let value = exchange.header("content-type").unwrap_or_default();
        (value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(), exchange.body.length == 0)
    };
    Says::of(again) == Says::Served && !alike(control, again) && kind(exchange) == kind(control)
}

/// Whether the positive control must come once more after the denials: those of what is read close the bracket by themselves.
fn closes(request: &Request) -> bool {
    request.method != "GET"
}

/// A guard that locks out whoever fails too often denies everything afterwards, the valid token included.
fn still_admitted(verdict: &mut Verdict, evidence: &Evidence, request: &Request) {
    match evidence.of(&again(request)) {
        Err(unseen) => verdict.not_seen(unseen),
        Ok(answer) => match Says::of(answer) {
            Says::Nothing(unseen) => verdict.not_seen(unseen),
            Says::Denied => verdict.not_seen(Unseen::NotComparable(format!(
                "{} {} answers {} to the valid token after the altered ones: whoever is denied too often is locked out, so that \
                 the denials before it show nothing",
                request.method, request.path, answer.status
            ))),
            Says::Served | Says::Hidden | Says::Rejected | Says::Elsewhere | Says::Broken => {}
        },
    }
}

/// The positive control once more.
fn again(request: &Request) -> Request {
    endpoint::valid(request).again(1)
}

/// Whether the form looks to a guard like any token in its usual place.
fn is_well_formed(mutation: &Mutation) -> bool {
    match mutation {
        Mutation::OneCharacter
        | Mutation::Truncated
        | Mutation::SwappedCase
        | Mutation::Suffixed
        | Mutation::ShortBearer
        | Mutation::JwtNone
        | Mutation::JwtNoneMixedCase
        | Mutation::JwtEdited => true,
        Mutation::EmptyBearer
        | Mutation::BasicScheme
        | Mutation::NoScheme
        | Mutation::LowerScheme
        | Mutation::DoubleSpace
        | Mutation::Query(_)
        | Mutation::Form(_)
        | Mutation::Cookie(_)
        | Mutation::InvalidThenValid
        | Mutation::ValidThenInvalid
        | Mutation::CommaJoined => false,
    }
}

enum Told {
    Fault(Severity),
    Note,
}

/// What it means that a form is admitted.
fn told(mutation: &Mutation) -> Told {
    match mutation {
        Mutation::OneCharacter
        | Mutation::Truncated
        | Mutation::Suffixed
        | Mutation::EmptyBearer
        | Mutation::ShortBearer
        | Mutation::JwtNone
        | Mutation::JwtNoneMixedCase
        | Mutation::JwtEdited => Told::Fault(Severity::Critical),
        // A URL is kept in logs, histories and Referer headers (RFC 6750 section 5.3).
        Mutation::Query(_) => Told::Fault(Severity::High),
        // RFC 6750 section 2.2 allows a form field; this policy names one header.
        Mutation::Form(_) => Told::Fault(Severity::Medium),
        // Browsers send cookies and Basic credentials by themselves, to whatever page asks.
        Mutation::Cookie(_) | Mutation::BasicScheme | Mutation::NoScheme => Told::Fault(Severity::Medium),
        // Each letter holds a bit less, and what is compared so is not the token.
        Mutation::SwappedCase => Told::Fault(Severity::Medium),
        // The valid token is there, and which of two headers counts is not said anywhere.
        Mutation::InvalidThenValid
        | Mutation::ValidThenInvalid
        | Mutation::CommaJoined
        | Mutation::LowerScheme
        | Mutation::DoubleSpace => Told::Note,
    }
}

fn slug(mutation: &Mutation) -> String {
    match mutation {
        Mutation::OneCharacter => "one-character".into(),
        Mutation::Truncated => "truncated".into(),
        Mutation::SwappedCase => "swapped-case".into(),
        Mutation::Suffixed => "suffixed".into(),
        Mutation::EmptyBearer => "empty-bearer".into(),
        Mutation::ShortBearer => "short-bearer".into(),
        Mutation::BasicScheme => "basic-scheme".into(),
        Mutation::NoScheme => "no-scheme".into(),
        Mutation::LowerScheme => "lower-scheme".into(),
        Mutation::DoubleSpace => "double-space".into(),
        Mutation::Query(name) => format!("query-{name}"),
        Mutation::Form(name) => format!("form-{name}"),
        Mutation::Cookie(name) => format!("cookie-{name}"),
        Mutation::InvalidThenValid => "invalid-then-valid".into(),
        Mutation::ValidThenInvalid => "valid-then-invalid".into(),
        Mutation::CommaJoined => "comma-joined".into(),
        Mutation::JwtNone => "jwt-none".into(),
        Mutation::JwtNoneMixedCase => "jwt-none-mixed-case".into(),
        Mutation::JwtEdited => "jwt-edited".into(),
    }
}

fn mutations(check: &AuthEnforced, target: &Target, evidence: &Evidence) -> Vec<Mutation> {
    let facts = evidence.of(&TokenAsk {});
    let is_jwt = facts.as_ref().is_ok_and(|facts| facts.jwt.is_some());
    // Hexadecimal digits may be compared as the bytes that they stand for (RFC 4648 section 8: either case), and a token whose
    // letters all have one case is no easier to guess for it. Where there are both, they tell tokens apart, or should.
    let by_case = facts.is_ok_and(|facts| facts.mixed_case);
    forms(check, target, is_jwt, by_case && !is_jwt)
}

fn forms(check: &AuthEnforced, target: &Target, is_jwt: bool, by_case: bool) -> Vec<Mutation> {
    let Some(token) = token(target) else { return Vec::new() };
    let mut mutations = vec![Mutation::OneCharacter, Mutation::Truncated];
    if by_case {
        mutations.push(Mutation::SwappedCase);
    }
    if token.header.eq_ignore_ascii_case("authorization") {
        mutations.extend([Mutation::EmptyBearer, Mutation::ShortBearer, Mutation::BasicScheme, Mutation::NoScheme]);
    }
    if is_jwt {
        mutations.extend([Mutation::JwtNone, Mutation::JwtNoneMixedCase, Mutation::JwtEdited]);
    }
    mutations.extend(check.cookies.iter().cloned().map(Mutation::Cookie));
    mutations.push(Mutation::Suffixed);
    mutations.extend(check.query_parameters.iter().cloned().map(Mutation::Query));
    mutations.retain(|mutation| token.disposable || !mutation.needs_disposable());
    mutations
}

fn token(target: &Target) -> Option<&Token> {
    target.deployment().ok()?.token.as_ref()
}

impl Member {
    fn asked(&self, target: &Target, mutation: Mutation) -> Ask {
        match self {
            Self::Plain(request) => altered(request, mutation).into(),
            Self::Server { path, era } => opened_with(target, path, *era, mutation).into(),
        }
    }
}

fn altered(request: &Request, mutation: Mutation) -> Request {
    request.clone().with(Credential::Mutated(mutation))
}

fn opened_with(target: &Target, path: &str, era: EraAsked, mutation: Mutation) -> Conversation {
    Conversation::standard(target, path).with(Credential::Mutated(mutation)).in_era(era).taking([])
}

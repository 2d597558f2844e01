//! What kind of sentence it is: a rule, or talk about a subject. Only a rule is ever bound to a check.

use std::sync::LazyLock;

use regex::Regex;

/// A clause made ready for the rules: lower case, addresses taken out, bounds spelt alike, words countable.
#[derive(Clone, Debug)]
pub struct Clause {
    pub text: String,
    /// Byte offset of each word's begin.
    words: Vec<usize>,
}

impl Clause {
    pub fn of(text: &str) -> Self {
        let text = normal(text);
        let words = WORD.find_iter(&text).map(|word| word.start()).collect();
        Self { text, words }
    }

    /// Which word stands at this byte.
    pub fn word_at(&self, byte: usize) -> usize {
        self.words.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// Up to `most` words before the byte.
    pub fn before(&self, byte: usize, most: usize) -> &str {
        let first = self.words.partition_point(|start| *start < byte).saturating_sub(most);
        let start = self.words.get(first).copied().unwrap_or_default().min(byte);
        self.text.get(start..byte).unwrap_or_default()
    }

    /// Up to `most` words after the byte.
    pub fn after(&self, byte: usize, most: usize) -> &str {
        let next = self.words.partition_point(|start| *start < byte);
        let end = self.words.get(next + most).copied().unwrap_or(self.text.len());
        self.text.get(byte..end.max(byte)).unwrap_or_default()
    }

    /// Whether what stands at these bytes is denied: `not enforced`, `without tokens`, `validation is disabled`.
    pub fn denies(&self, start: usize, end: usize) -> bool {
        NEGATION.is_match(self.before(start, 4)) || DENIED_AFTER.is_match(self.after(end, 4))
    }

    /// Whether what stands at these bytes is forbidden: `never …`, `… is prohibited`.
    pub fn forbids(&self, start: usize, end: usize) -> bool {
        PROHIBITION.is_match(self.before(start, 9)) || FORBIDDEN_AFTER.is_match(self.after(end, 12))
    }

    /// Whether it is only allowed or possible: `can be used`, `may be sent`.
    pub fn permits(&self, start: usize) -> bool {
        PERMISSION.find_iter(self.before(start, 5)).count() > 0 && !self.obliges()
    }

    /// Whether a word of obligation stands in it, or it begins with a command.
    pub fn obliges(&self) -> bool {
        OBLIGATION.is_match(&self.text) || self.commands()
    }

    pub fn commands(&self) -> bool {
        IMPERATIVE.is_match(&self.text)
    }

    /// Whether a heading says what must be: `Never expose LLM ports`.
    pub fn is_rule_by_itself(&self) -> bool {
        HEADING_RULE.is_match(&self.text)
    }
}

/// Why a sentence lays down no rule whatever its subject, if it does not.
pub fn lays_down_nothing(text: &str, headings: &[String]) -> Option<&'static str> {
    let clause = Clause::of(text);
    if headings.iter().any(|heading| OUTSIDE.is_match(&heading.to_lowercase())) {
        return Some("stands in a part of the document that lays down no rules");
    }
    if text.trim_end().ends_with(['?', '？']) {
        return Some("a question");
    }
    if BOUNTY.is_match(&clause.text) {
        return Some("about what is in scope or rewarded");
    }
    if NOT_REQUIRED.is_match(&clause.text) {
        return Some("says that something is not required");
    }
    let must = MUST.is_match(&clause.text);
    if PLANNED.is_match(&clause.text) && !must {
        return Some("a plan, not a rule");
    }
    if PAST.is_match(&clause.text) && !must {
        return Some("tells what was");
    }
    if MENTION.is_match(&clause.text) && !must {
        return Some("points to something written elsewhere");
    }
    if EXPLANATION.is_match(&clause.text) && !clause.obliges() {
        return Some("explains, and requires nothing");
    }
    None
}

/// Whether the text speaks of what does not hold now: it is not required, planned, or past.
pub fn is_no_rule_now(text: &str) -> bool {
    let text = normal(text);
    let must = MUST.is_match(&text);
    NOT_REQUIRED.is_match(&text) || (PLANNED.is_match(&text) || PAST.is_match(&text)) && !must
}

/// The clauses of a sentence: what stands before a `but` or a new command is judged apart from what stands after it.
pub fn clauses(text: &str) -> Vec<Clause> {
    let normal = normal(text);
    let mut cuts: Vec<(usize, usize)> = CUT.find_iter(&normal).map(|cut| (cut.start(), cut.end())).collect();
    cuts.extend(
        AND_COMMAND
            .captures_iter(&normal)
            .chain(AND_SUBJECT.captures_iter(&normal))
            .filter_map(|found| found.get(1).map(|joint| (joint.start(), joint.end()))),
    );
    cuts.sort_unstable();
    let mut parts = Vec::new();
    let mut from = 0;
    for (start, end) in cuts {
        if start >= from {
            parts.extend(normal.get(from..start));
            from = end;
        }
    }
    parts.extend(normal.get(from..));
    parts.into_iter().filter(|part| WORD.is_match(part)).map(Clause::of).collect()
}

/// Lower case, straight quotes, no addresses, bounds and numbers spelt one way.
fn normal(text: &str) -> String {
    let mut text = text.to_lowercase().replace(['’', '‘'], "'").replace(['\u{a0}', '\n', '\u{2011}'], " ");
    for (pattern, by) in &*SPELLINGS {
        text = pattern.replace_all(&text, *by).into_owned();
    }
    text
}

#[expect(clippy::unwrap_used, reason = "constant patterns, and a test compiles each of them")]
pub(super) fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{L}\p{N}][\p{L}\p{N}'._/+-]*|\*"));

static SPELLINGS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"<?mailto:\S+|[\w.+-]+@[\w-]+(\.[\w-]+)+", " emailaddress "),
        (r"https?://[^\s)>]+", " address "),
        (r"(\d),(\d{3})\b", "$1$2"),
        (r"\b(no|not|nicht) (more|mehr) (than|als)\b|\b(must|may|shall|can|should|do|does)? ?(not|never) (to )?exceed(ing)?\b|\bup to\b|\bat most\b|\bhöchstens\b|\bmaximal\b|\bmaximum( of)?\b|≤|<=", " atmost "),
        (r"\b(no|not) (less|fewer|shorter) than\b|\bat least\b|\bminimum( of)?\b|\bmindestens\b|\bnicht weniger als\b|≥|>=", " atleast "),
        (r"\b(never|do not|don't|(must|shall|may|should) (not|never)( be)?) (disabled?|bypass(ed)?|turn(ed)? off|skip(ped)?|weaken(ed)?|circumvent(ed)?)\b", " always enforce "),
        // German writes 1.000 for a thousand; only before what is counted, since a version looks alike.
        (r"\b([1-9]\d{0,2})\.(\d{3})( (anfragen|aufrufe|zugriffe|zeichen|requests|calls))\b", "$1$2$3"),
        (r"\b(four|vier)\b", "4"),
        (r"\b(seven|sieben)\b", "7"),
        (r"\b(eight|acht)\b", "8"),
        (r"\b(nine|neun)\b", "9"),
        (r"\b(eleven|elf)\b", "11"),
        (r"\bten\b|\bzehn\b", "10"),
        (r"\bfifteen\b", "15"),
        (r"\btwenty\b|\bzwanzig\b", "20"),
        (r"\bthirty[- ]two\b", "32"),
        (r"\bthirty\b|\bdreißig\b", "30"),
        (r"\bsixty[- ]four\b", "64"),
        (r"\bsixty\b|\bsechzig\b", "60"),
        (r"\bninety\b|\bneunzig\b", "90"),
        (r"\b(one |a )?hundred\b|\bhundert\b", "100"),
        (r"\b(three|drei)\b", "3"),
        (r"\b(two|zwei)\b", "2"),
        (r"\b(six|sechs)\b", "6"),
        (r"\b(twelve|zwölf)\b", "12"),
        (r"\b(five|fünf)\b", "5"),
        (r"\bone (second|minute|hour|day|week|month|quarter|year)\b", "1 $1"),
        (r"\s+", " "),
    ]
    .map(|(from, to)| (pattern(from), to))
    .into()
});

static NEGATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(not|no|never|without|neither|nor|lacks?|lacking|missing|disabled?|disabling|avoid|bypass\w*|absence|nicht|nie|niemals|kein\w*|ohne)\b|n't\b",
    )
});
static DENIED_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\W*(\w+ )?((is|are|be|ist|sind) (not|disabled|off|absent|missing|optional|nicht)|(isn't|aren't|is currently not)|not (required|needed|enforced|enabled|implemented|available)|disabled|deaktiviert)\b",
    )
});
static PROHIBITION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(never|not|no|cannot|without|free (of|from)|out of|outside( of)?|avoid\w*|refrain\w*|prevent\w*|prohibit\w*|forbid\w*|disallow\w*|bann?(ed)?|block\w*|den(y|ies|ied)|reject\w*|refus\w*|disabl\w*|off the|away from|instead of|rather than|nie|niemals|nicht|kein\w*|keinesfalls|verboten|untersagt|ohne|statt)\b|n't\b",
    )
});
static FORBIDDEN_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(prohibited|forbidden|not allowed|not permitted|not acceptable|unacceptable|disallowed|banned|blocked|rejected|refused|denied|disabled|free of|free from|never|verboten|untersagt|unzulässig|nicht (erlaubt|zulässig|gestattet))\b|\b(must|shall|may|should|do|does|can|is|are)( not|not|n't) (be )?(contain\w*|includ\w*|hold|have|expos\w*|return\w*|reveal\w*|leak\w*|show\w*|sent|reach\w*|used|accepted|present|found)\b",
    )
});
static PERMISSION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(may|can|could|might|optionally|kann|können|könnte)\b"));
static MUST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(must|shall|never|mandatory|prohibited|forbidden|atleast|atmost|muss|müssen|dürfen|darf|nie|niemals|verboten|verpflichtend)\b",
    )
});
static OBLIGATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(must|shall|should|require[sd]?|mandatory|never|always|only|prohibited|forbidden|not allowed|not permitted|do not|cannot|needs? to|have to|has to|enforce[sd]?|ensure[sd]?|(is|are) to be|atleast|atmost|muss|müssen|darf|dürfen|soll|sollen|sollte|sollten|nie|niemals|immer|verboten|untersagt|nur|(ist|sind) zu|verpflichtend|zwingend|erforderlich)\b|don't\b",
    )
});

/// A command at the beginning, behind a number, a label or an adverb.
static IMPERATIVE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"^\W*([\w. -]{{1,40}}: )?\W*([a-z]{{1,4}}-?\d[\d.]*\W+)?(please |always |never |immediately |bitte |then |and |also |regularly |automatically )*\W*{VERBS}\b"
    ))
});
const VERBS: &str = "(use|do not|don't|rotate|store|keep|enable|disable|monitor|log|limit|implement|test|validate|restrict|encrypt|configure|run|review|schedule|bind|report|e-?mail|include|consider|avoid|enforce|require|set|reject|deny|block|return|sanitize|sanitise|allow|verify|check|ensure|make sure|apply|add|put|place|serve|redirect|terminate|automate|renew|track|watch|alert|detect|audit|document|record|update|revoke|replace|generate|choose|pick|give|grant|send|contact|notify|perform|conduct|carry out|protect|secure|expose|scan|pin|issue|obtain|define|specify|hide|mask|separate|isolate|refuse|respond|answer|throttle|cap|listen|publish|prefer|change|load|read|commit|verwende|verwenden|nutze|nutzen|rotiere|speichere|prüfe|protokolliere|überwache|melde|melden|erneuere|beschränke|verschlüssele)";

static HEADING_RULE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(never|always|must|do not|don't|only|no|niemals|nie|immer|muss)\b"));

static CUT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r";|\. | [–—] |,? \b(but|while|whereas|although|however|aber|während|jedoch)\b |, (and )?we ")
});
static AND_COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r"(,? (?:and|und|,) (?:to )?|, )(?:then |immediately |also |never |always )*{VERBS} (?:\w|\W)"))
});

/// `…, and expiring certificates shall trigger an alert`: a new subject with a verb of its own.
static AND_SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(, (?:and|und) )(?:[\w-]+ ){1,6}?(?:shall|must|should|is|are|muss|müssen|wird|werden) ")
});

static OUTSIDE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(out[- ]of[- ]scope|non-?qualifying|qualifying|known (issues|limitations)|limitations|faqs?|frequently asked|glossary?|definitions|terminology|references|further reading|resources|see also|change ?log|(revision|version|document|change) history|acknowledg\w*|credits|hall of fame|thanks|background|introduction|roadmap|planned|future work|examples?|supported versions|safe harbou?r|bounty|rewards?|eligib\w+|begriffe|änderungshistorie|geplant\w*|hintergrund|einleitung)\b|außerhalb",
    )
});
static BOUNTY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(out of scope|(in|within) scope|not eligible|ineligible|eligible|(not )?qualif(y|ies)|bount(y|ies)|rewards?|safe harbou?r|hall of fame|considered (a )?vulnerabilit\w+|false positives?)\b",
    )
});
static NOT_REQUIRED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(not|never|isn't|aren't|n't) (currently |strictly |yet |generally )?(be )?(required|needed|necessary|mandatory|compulsory|obligatory|expected|forbidden|prohibited|supported yet)\b|\bneed not\b|\bneedn't\b|\bno need\b|\b(do|does) not (currently |yet )?(need|require|have to|enforce|implement|support|apply|use|offer|provide|perform|validate|limit|rotate|log|monitor|encrypt|audit)\b|\b(don't|doesn't) (currently |yet )?(need|require|have|enforce|implement|apply)\b|\bno \w+( \w+)? (is|are) (required|needed|enforced|applied|in place)\b|\b(exempt|exempted|exception|optional)\b|\bnicht (erforderlich|nötig|notwendig|verpflichtend)\b|\bthere (is|are) (currently )?no\b|\boptional\b|\b(decided|opted|chose|voted) (against|not to)\b|\b(decided|opted|chose) to (skip|omit|drop|forgo)\b|\b(dagegen|gegen \w+) entschieden\b|\bverzichten (wir )?auf\b",
    )
});
static PLANNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(planned|roadmap|to ?do|in (the )?(near )?future|not yet|coming soon|upcoming|under consideration|we (plan|intend|aim|hope) to|work in progress|will be (added|introduced|implemented|supported)|is being (rolled out|introduced|considered)|noch nicht|künftig|zukünftig|in planung)\b",
    )
});
static PAST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(was|were|had been|used to|previously|formerly|historically|last (year|month|quarter|week)|in (19|20)\d\d|since (19|20)\d\d|wurden?|früher|letztes jahr)\b",
    )
});
static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(is|are|can be|werden|wird|ist|sind) ([\w-]+ ){0,2}?(explained|described|discussed|covered|introduced|listed|outlined|detailed|found|beschrieben|erklärt|erläutert|aufgeführt)\b|\b(is|are) (documented|defined|specified) (in|at|under|on) ([\w-]+ ){0,2}(docs?\S*|wiki|handbook|readme\S*|runbook|address|guide|manual|confluence|page|section|appendix|annex)|^\W*(see|siehe|refer to|read|consult)\b|\bfor (more|further|additional) (details?|information)\b|\b(more|further) (details?|information)\b|\b(learn|read) more\b|\b(this|the following) (section|chapter|document|page|policy|guide|table|list) (describes|explains|covers|lists|defines|contains|outlines|provides|applies|sets out)\b|\b(wiki|tutorial|blog|article|webinar)\b",
    )
});
static EXPLANATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(helps?|protects? (against|you|us|from)|prevents|mitigates|means|stands for|refers to|describes|explains|defines|is an?|is the|are an?|are the|allows? (attackers|an attacker|anyone)|lets? (attackers|an attacker)|(is|are) (very |extremely |especially )?(important|popular|common|known|useful|vulnerable|dangerous|attractive|valuable)|(many|some|most|other) (teams|people|companies|organi[sz]ations|projects|developers|users|vendors|tools|servers|attackers)|typically|usually|often|commonly|sometimes|generally|frequently|bedeutet|ist eine?|sind eine?|hilft|schützt|üblicherweise|meist|häufig)\b",
    )
});

#[cfg(test)]
mod tests;

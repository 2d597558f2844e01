//! What the OCSP response says that the server sends with its certificate.

use chrono::{DateTime, Utc};

use super::{Shown, issued};
use crate::certificate::ocsp;
use crate::check::{Finding, Severity, Verdict};
use crate::evidence::Unseen;
use crate::evidence::revocation::Listed;

/// Judges the responses; whether clients that insist on one get a good one.
pub(super) fn judge(shown: &Shown, at: DateTime<Utc>, verdict: &mut Verdict) -> bool {
    let must_staple = shown.assessment.leaf.as_ref().is_some_and(|leaf| leaf.must_staple);
    if !shown.sent.stapled {
        if must_staple {
            let what = "the certificate demands an OCSP response with it (must-staple), and none was sent";
            verdict.finds(Finding::new(what, shown.place.clone()).aspect("must-staple"));
        }
        return !must_staple;
    }
    let mut good = true;
    for said in said(shown, at) {
        match said {
            Ok(Listed { since: Some(since), .. }) => {
                let what = format!(
                    "the OCSP response that came with the certificate says that it was revoked on {}",
                    since.date_naive()
                );
                verdict
                    .finds(Finding::new(what, shown.place.clone()).of_severity(Severity::Critical).aspect("revoked"));
                good = false;
            }
            Ok(Listed { since: None, until }) => verdict.holds(format!(
                "{}the OCSP response that came with it says that it is good, until {}",
                shown.addresses,
                until.date_naive()
            )),
            // Clients refuse it, and its owner wants them to (RFC 7633 section 4.2.3.1).
            Err(why) if must_staple => {
                let what = format!("the certificate demands a good OCSP response (must-staple): {}", words(&why));
                verdict.finds(Finding::new(what, shown.place.clone()).aspect("must-staple"));
                good = false;
            }
            Err(why) => {
                verdict.notes(format!("{}{}, which came with it and proves nothing", shown.addresses, words(&why)));
            }
        }
    }
    good
}

/// What each response says of the server's own certificate.
pub(super) fn said(shown: &Shown, at: DateTime<Utc>) -> Vec<Result<Listed, Unseen>> {
    let pair = issued(shown).next();
    // Evidence of an older version kept that there was one, and not the response.
    if shown.staples.is_empty() && shown.sent.stapled {
        return vec![Err(Unseen::NotAsked)];
    }
    shown
        .staples
        .iter()
        .map(|staple| match pair {
            Some((own, issuer)) => ocsp::look_up(staple, own, issuer, at),
            None => Err(Unseen::NotComparable("the OCSP response has no issuer to compare it with".into())),
        })
        .collect()
}

fn words(why: &Unseen) -> String {
    match why {
        Unseen::NotComparable(what) | Unseen::Malformed(what) => what.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use crate::certificate::made::{Made, now};
    use crate::certificate::ocsp::tests::signed_by_issuer;
    use crate::check::{Check as _, Status, Verdict};
    use crate::checks::tls::certificate_trust::CertificateTrust;
    use crate::checks::tls::testing::{presented, target};
    use crate::evidence::Evidence;
    use crate::evidence::tls::Chain;

    /// The verdict on a server that sends this response, made from leaf, issuer and the issuer's key.
    fn judge(must_staple: bool, staple: Option<(bool, (i64, i64))>) -> Verdict {
        let made = Made::leaf(move |leaf| {
            if must_staple {
                // id-pe-tlsfeature with status_request (RFC 7633 section 6)
                let feature =
                    rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![48, 3, 2, 1, 5]);
                leaf.custom_extensions = vec![feature];
            }
        })
        .make();
        let mut shown = presented(&[made.leaf.clone(), made.intermediate.clone()], &made.root);
        let sent = shown.addresses[0].chain.as_mut().unwrap();
        if let Some((revoked, days)) = staple {
            sent.stapled = true;
            let response = signed_by_issuer(&made.leaf, &made.intermediate, &made.intermediate_key, revoked, days);
            sent.staple = Some(STANDARD.encode(response));
        }
        CertificateTrust::default()
            .judge(&target("https://mcp.example.com"), &Evidence::at(now()).with(Chain {}, shown))
    }

    #[test]
    fn a_response_that_says_revoked_fails_though_nobody_asked() {
        let verdict = judge(false, Some((true, (-1, 5))));
        assert_eq!(verdict.status(), Status::Fail);
        assert_eq!(verdict.findings()[0].aspect, "revoked");
        assert!(verdict.grounds().is_empty(), "{verdict:?}");
    }

    #[test]
    fn a_good_response_is_a_ground_and_one_of_the_past_a_note() {
        let verdict = judge(false, Some((false, (-1, 5))));
        assert_eq!(verdict.status(), Status::Pass);
        assert!(verdict.grounds().iter().any(|ground| ground.contains("says that it is good")), "{verdict:?}");
        let verdict = judge(false, Some((false, (-9, -1))));
        assert_eq!(verdict.status(), Status::Pass);
        assert!(verdict.all_notes().iter().any(|note| note.contains("of the past")), "{verdict:?}");
    }

    #[test]
    fn a_certificate_that_demands_a_response_needs_a_good_one() {
        for (staple, status) in
            [(None, Status::Fail), (Some((false, (-9, -1))), Status::Fail), (Some((false, (-1, 5))), Status::Pass)]
        {
            let verdict = judge(true, staple);
            assert_eq!(verdict.status(), status, "{verdict:?}");
            assert!(verdict.findings().iter().all(|finding| finding.aspect == "must-staple"));
        }
    }
}

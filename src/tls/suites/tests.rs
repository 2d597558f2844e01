use std::collections::BTreeSet;

use super::*;

#[test]
fn no_number_stands_twice_and_every_kind_is_told_by_its_name() {
    let all = || ALL.iter().chain(RARE);
    let numbers: BTreeSet<u16> = all().map(|suite| suite.number).chain(ODD.iter().copied()).collect();
    assert_eq!(numbers.len(), ALL.len() + RARE.len() + ODD.len());
    for suite in all() {
        let kind = match suite.name {
            name if name.contains("_anon_") => Kind::Anonymous,
            name if name.contains("EXPORT") => Kind::Export,
            name if name.contains("NULL") => Kind::Null,
            name if name.contains("RC4") => Kind::Rc4,
            name if name.contains("3DES") => Kind::TripleDes,
            name if name.contains("_DES_") => Kind::Des,
            _ => Kind::Sound,
        };
        assert_eq!(suite.kind, kind, "{}", suite.name);
    }
}

#[test]
fn no_hello_offers_more_than_old_appliances_take() {
    for version in Version::ALL {
        assert!((1..=128).contains(&common(version).len()), "{version}: {}", common(version).len());
    }
    assert!(ODD.len() <= 128);
}

#[test]
fn a_static_key_exchange_has_no_forward_secrecy() {
    for (number, expected) in [(0x1301, true), (0xc02b, true), (0x0033, true), (0x002f, false), (0xc004, false)] {
        assert_eq!(has_forward_secrecy(number), expected, "{}", name(number));
    }
}

#[test]
fn stricter_profiles_forbid_more() {
    let [off, sane, intermediate, modern] =
        [Strictness::Off, Strictness::Sane, Strictness::Intermediate, Strictness::Modern].map(|s| forbidden(s).len());
    assert!(off == 0 && off < sane && sane < intermediate && intermediate < modern);
}

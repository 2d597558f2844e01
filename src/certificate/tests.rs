use proptest::prelude::*;

use super::*;

#[test]
fn bits_are_counted_without_leading_zeros() {
    assert_eq!(bits_of(&[0, 0x80, 0]), 16);
    assert_eq!(bits_of(&[1, 0]), 9);
    assert_eq!(bits_of(&[0, 0]), 0);
}

#[test]
fn a_certificate_cut_at_any_byte_is_refused() {
    let der = made::Made::default().chain().remove(0);
    for end in 0..der.len() {
        assert!(Certificate::of_der(&der[..end]).is_err(), "{end}");
    }
    assert!(Certificate::of_der(&der).is_ok());
}

proptest! {
    #[test]
    fn a_certificate_with_bytes_changed_never_panics(changes in prop::collection::vec((0usize..400, any::<u8>()), 1..6)) {
        let mut der = made::Made::default().chain().remove(0);
        for (at, byte) in changes {
            let length = der.len();
            der[at % length] = byte;
        }
        let _ = Certificate::of_der(&der);
    }
}

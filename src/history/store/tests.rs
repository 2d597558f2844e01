use super::*;

#[test]
fn every_version_has_its_step() {
    assert_eq!(STEPS.len(), usize::try_from(VERSION).unwrap());
}

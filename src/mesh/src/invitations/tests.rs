//! What invitations open, to whom, and for how long.

use super::*;

const MINUTE_MS: u64 = 60_000;

fn node(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

fn family() -> InvitationTerms {
    InvitationTerms { name: None, groups: vec!["family".to_owned()] }
}

fn granted() -> Result<Redeemed, NoInvitation> {
    Ok(Redeemed::Granted(family()))
}

fn with_one() -> Invitations {
    let mut invitations = Invitations::default();
    invitations.open(0, ([1; 32], 15 * MINUTE_MS), family()).expect("room");
    invitations
}

#[test]
fn an_invitation_opens_once_and_for_its_first_guest_again() {
    let mut open = with_one();
    assert_eq!(open.redeem(1, (&[1; 32], node(1))), granted());
    assert_eq!(open.redeem(2, (&[1; 32], node(1))), granted());
    let second = open.redeem(3, (&[1; 32], node(2)));
    assert_eq!(second, Err(NoInvitation));
}

#[test]
fn what_was_granted_is_not_granted_again_and_goes_with_its_guest() {
    let mut open = with_one();
    assert_eq!(open.redeem(1, (&[1; 32], node(1))), granted());
    open.admitted(&[1; 32]);
    let mut open = Invitations::from_record(&open.to_record()).expect("a record");
    assert_eq!(open.redeem(2, (&[1; 32], node(1))), Ok(Redeemed::Again));
    let other = open.redeem(2, (&[1; 32], node(2)));
    assert_eq!(other, Err(NoInvitation));
    assert!(!open.withdraw_used_by(&node(2)));
    assert!(open.withdraw_used_by(&node(1)));
    let refused = open.redeem(3, (&[1; 32], node(1)));
    assert_eq!(refused, Err(NoInvitation));
}

#[test]
fn an_invitation_expires() {
    let mut open = with_one();
    let late = open.redeem(15 * MINUTE_MS, (&[1; 32], node(1)));
    assert_eq!(late, Err(NoInvitation));
    assert_eq!(open.iter().count(), 0);
}

#[test]
fn what_is_withdrawn_opens_nothing() {
    let mut open = with_one();
    assert!(open.withdraw(1));
    assert!(!open.withdraw(1));
    assert!(open.redeem(1, (&[1; 32], node(1))).is_err());
}

#[test]
fn there_are_at_most_a_hundred_and_numbers_are_never_given_twice() {
    let mut open = Invitations::default();
    for number in 1..=100 {
        let made = open.open(0, ([number; 32], MINUTE_MS), family()).expect("room");
        assert_eq!(made.number, u64::from(number));
    }
    assert_eq!(open.open(0, ([0; 32], MINUTE_MS), family()), Err(TooManyInvitations));
    let made = open.open(MINUTE_MS, ([0; 32], 2 * MINUTE_MS), family()).expect("room again");
    assert_eq!(made.number, 101);
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let mut open = with_one();
    open.redeem(1, (&[1; 32], node(1))).expect("a guest");
    let terms = InvitationTerms { name: Some("anna".to_owned()), groups: Vec::new() };
    open.open(0, ([3; 32], MINUTE_MS), terms).expect("room");
    let read = Invitations::from_record(&open.to_record()).expect("a record");
    assert!(read.iter().eq(open.iter()));
    assert_eq!(read.last_number, 2);
    assert!(Invitations::from_record(b"{}").is_err());
    let later = String::from_utf8(open.to_record()).expect("text").replace(":1,", ":2,");
    let later = Invitations::from_record(later.as_bytes());
    assert!(later.is_err());
}

//! What the detector thinks of regular, lossy and silent peers.

use super::*;

/// A detector that has heard a heartbeat a second, each later than it should by so many milliseconds.
fn after(delays: impl IntoIterator<Item = u64>) -> FailureDetector {
    let mut detector = FailureDetector::new(DetectorOptions::default(), 0);
    let mut arrives_ms = 0;
    for (number, delay) in delays.into_iter().enumerate() {
        // In order, as in one TCP connection.
        arrives_ms = ((number as u64 + 1) * 1_000 + delay).max(arrives_ms);
        detector.heard(arrives_ms);
    }
    detector
}

fn suspicion(detector: &FailureDetector) -> (u64, u64) {
    let heard_ms = detector.heard_at();
    (detector.suspect_at() - heard_ms, detector.down_at() - heard_ms)
}

#[test]
fn on_a_link_without_losses_suspicion_comes_at_2_4_s_and_the_end_at_4_3_s() {
    for beats in [0, 1, 10, 1_000] {
        assert_eq!(suspicion(&after(vec![0; beats])), (2_351, 4_319));
    }
}

#[test]
fn a_hiccup_or_two_of_a_busy_machine_change_nothing() {
    assert_eq!(suspicion(&after([0, 0, 900, 0, 0, 400, 0])), (2_351, 4_319));
}

#[test]
fn with_losses_both_come_later_but_never_beyond_18_s() {
    let lossy = after((0..1_000).map(|number| if number % 10 == 0 { 200 } else { 0 }));
    let (suspect, down) = suspicion(&lossy);
    assert!((4_500..6_000).contains(&suspect) && (13_000..18_000).contains(&down));
    let hopeless = after((0..1_000).map(|number| if number % 2 == 0 { 200 } else { 0 }));
    assert_eq!(suspicion(&hopeless).1, 18_000);
}

#[test]
fn what_was_lossy_is_clean_again_after_the_window() {
    let delays = (0..100).map(|number| number % 2 * 200).chain([0; WINDOW]);
    assert_eq!(suspicion(&after(delays)), (2_351, 4_319));
}

#[test]
fn phi_grows_with_silence_and_passes_the_thresholds_when_told() {
    let detector = after([0; 20]);
    let heard_ms = detector.heard_at();
    assert_eq!(detector.phi(heard_ms + 1_000).abs(), 0.0);
    let phis: Vec<f64> = (0..60).map(|step| detector.phi(heard_ms + step * 100)).collect();
    assert!(phis.is_sorted());
    let options = DetectorOptions::default();
    assert!(detector.phi(detector.suspect_at()) >= options.suspect_phi);
    assert!(detector.phi(detector.suspect_at() - 1) < options.suspect_phi);
    assert!(detector.phi(detector.down_at()) >= options.down_phi);
    assert!(detector.phi(detector.down_at() - 1) < options.down_phi);
}

#[test]
fn a_slower_promise_and_a_longer_way_are_waited_for() {
    let mut detector = after([0; 20]);
    detector.promised(5_000);
    assert_eq!(suspicion(&detector), (6_351, 8_319));
    detector.promised(1_000);
    detector.round_trip(600);
    assert_eq!(suspicion(&detector), (5_728, 12_615));
}

#[test]
fn bytes_in_quick_succession_count_once() {
    let mut detector = FailureDetector::new(DetectorOptions::default(), 0);
    for second in 1..=100u64 {
        detector.heard(second * 1_000 + 200);
        for byte in 1..50 {
            detector.heard(second * 1_000 + 200 + byte);
        }
    }
    assert!(detector.window.len() <= 100);
}

#[test]
fn a_clock_that_seems_to_go_back_does_no_harm() {
    let mut detector = FailureDetector::new(DetectorOptions::default(), 5_000);
    detector.heard(4_000);
    assert_eq!((detector.heard_at(), detector.phi(0).abs()), (5_000, 0.0));
}

use super::*;

const MS: u64 = 1_000_000;
/// An arbitrary beginning.
const START: u64 = 1_000_000 * MS;

fn moment(arrival: u64, timestamp: u32) -> Moment {
    Moment {
        arrival: Time(START + arrival * MS),
        timestamp,
        clock: 8000,
    }
}

/// Where moments are placed, in milliseconds behind the beginning; all are known when the first is placed.
fn placed(moments: &[Moment]) -> Vec<i64> {
    let mut place = Place::default();
    moments
        .iter()
        .enumerate()
        .map(|(at, one)| {
            let following = moments[at + 1..].iter().take(64).copied();
            let time = place.of(*one, false, following).0;
            (time as i64 - START as i64) / MS as i64
        })
        .collect()
}

#[test]
fn packets_are_placed_by_their_time_stamps_from_the_one_that_was_fastest() {
    // 20 ms apart, late by between 0 and 70 ms.
    let late = [30, 50, 0, 70, 10, 40, 20, 60];
    let moments: Vec<Moment> = (0..400)
        .map(|number| {
            let sent = number * 20;
            moment(
                sent + late[number as usize % 8],
                (u32::MAX - 1000).wrapping_add(number as u32 * 160),
            )
        })
        .collect();
    for (number, place) in placed(&moments).into_iter().enumerate() {
        assert_eq!(place, number as i64 * 20);
    }
}

#[test]
fn a_clock_that_stands_still_or_leaps_is_set_anew() {
    // Nothing is said for 5 s, and the clock did not run meanwhile.
    let mut moments: Vec<Moment> = (0..50).map(|n| moment(n * 20, n as u32 * 160)).collect();
    moments.extend((50..100).map(|n| moment(n * 20 + 5000, n as u32 * 160)));
    // Another clock altogether.
    moments.extend((100..150).map(|n| moment(n * 20 + 5000, 3_000_000_000 + n as u32 * 160)));
    let placed = placed(&moments);
    assert_eq!(placed[49], 49 * 20);
    assert_eq!(placed[50], 50 * 20 + 5000);
    assert_eq!(placed[149], 149 * 20 + 5000);
}

#[test]
fn a_pause_in_which_the_clock_runs_stays_exact() {
    let mut moments: Vec<Moment> = (0..50).map(|n| moment(n * 20, n as u32 * 160)).collect();
    moments.extend((0..50).map(|n| moment(61_000 + n * 20 + 35, (61_000 + n as u32 * 20) * 8)));
    assert_eq!(placed(&moments)[50], 61_000);
}

#[test]
fn drift_is_bounded() {
    // The sender's clock is slow, and fast, by 200 in a million: 0.72 s an hour.
    for per_million in [-200_i64, 200] {
        let moments: Vec<Moment> = (0..180_000_i64)
            .map(|number| {
                let sent = number * 20;
                moment(
                    (sent + sent * per_million / 1_000_000 + 100) as u64,
                    number as u32 * 160,
                )
            })
            .collect();
        for (moment, place) in moments.iter().zip(placed(&moments)) {
            let arrival = (moment.arrival.0 - START) as i64 / MS as i64;
            assert!((arrival - place).abs() <= 30, "{arrival} {place}");
        }
    }
}

#[test]
fn times_that_were_made_up_do_not_squeeze_the_sound() {
    let moments: Vec<Moment> = (0..2000).map(|n| moment(0, n * 160)).collect();
    let placed = placed(&moments);
    assert!(placed.windows(2).all(|pair| pair[1] - pair[0] == 20));
}

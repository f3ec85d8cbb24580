//! Packet time: the only clock of the program (law 2).

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in packet time: nanoseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "String")
)]
pub struct Time(pub u64);

impl Time {
    /// Nanoseconds from `earlier` to this moment; 0 where `earlier` is later.
    pub fn since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Seconds from `earlier` to this moment; 0 where `earlier` is later.
    pub fn seconds_since(self, earlier: Time) -> f64 {
        self.since(earlier) as f64 / 1e9
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC, with nanoseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_nanos(self.0);
        humantime::format_rfc3339_nanos(moment).fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)?;
        let since = moment
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(serde::de::Error::custom)?;
        let nanoseconds = u64::try_from(since.as_nanos()).map_err(serde::de::Error::custom)?;
        Ok(Time(nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_printed_in_utc_with_nanoseconds() {
        assert_eq!(
            Time(1_700_000_000_123_456_789).to_string(),
            "2023-11-14T22:13:20.123456789Z"
        );
    }

    #[test]
    fn the_last_moment_can_be_printed_and_read_back() {
        let line = serde_json::to_string(&Time(u64::MAX)).unwrap();
        assert_eq!(serde_json::from_str::<Time>(&line).unwrap(), Time(u64::MAX));
    }
}

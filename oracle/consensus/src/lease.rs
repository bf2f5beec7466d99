//! A lease: a deadline that the leader's holder renews and everyone else reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A reading of the clock that also runs while the machine is suspended (`CLOCK_BOOTTIME`; on
/// systems without one, the monotonic clock). Comparable between processes of one machine, and
/// meaningless across machines and reboots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BootInstant {
    nanos: u64,
}

impl BootInstant {
    /// Later than every reading; the deadline of a lease that ends only with its holder.
    pub const FAR_FUTURE: Self = Self { nanos: u64::MAX };

    /// Reads the clock.
    #[must_use]
    pub fn now() -> Self {
        #[cfg(feature = "simulation")]
        if let Some(now) = simulated::now() {
            return now;
        }
        let reading = clock_gettime(CLOCK);
        let seconds = u64::try_from(reading.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(reading.tv_nsec).unwrap_or(0);
        Self {
            nanos: seconds.saturating_mul(1_000_000_000).saturating_add(nanos),
        }
    }

    /// Makes every reading on this thread, until the next call, one of `clock`; `None` brings the
    /// real clock back. With the feature `simulation`, for harnesses that run in virtual time.
    #[cfg(feature = "simulation")]
    pub fn simulate(clock: Option<fn() -> Self>) {
        simulated::set(clock);
    }

    /// The reading as nanoseconds since the clock's own start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// The instant with this many nanoseconds; for clocks that a test drives.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// This instant moved forward, stopping at [`FAR_FUTURE`](Self::FAR_FUTURE).
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            nanos: self.nanos.saturating_add(nanos),
        }
    }

    /// How long after `earlier` this instant lies; zero if it does not.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

#[cfg(feature = "simulation")]
mod simulated {
    use std::cell::Cell;

    use super::BootInstant;

    thread_local! {
        static CLOCK: Cell<Option<fn() -> BootInstant>> = const { Cell::new(None) };
    }

    pub(super) fn set(clock: Option<fn() -> BootInstant>) {
        CLOCK.set(clock);
    }

    pub(super) fn now() -> Option<BootInstant> {
        CLOCK.get().map(|clock| clock())
    }
}

/// The deadline of a lease that was never granted, or has ended for good.
const ENDED: u64 = 0;

/// A cheap, cloneable reading end of one epoch's lease.
///
/// It never becomes valid again once that leadership has ended; a lease that merely lapsed may be
/// renewed under the same epoch (L8).
#[derive(Clone, Debug)]
pub struct Lease {
    deadline_ns: Option<Arc<AtomicU64>>,
}

impl Lease {
    /// The lease of a driver that has none: never valid. Such a driver declares it, and a server
    /// refuses it unless told otherwise.
    #[must_use]
    pub const fn absent() -> Self {
        Self { deadline_ns: None }
    }

    /// Whether the driver has leases at all.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.deadline_ns.is_none()
    }

    /// Until when the lease is valid, as last renewed; `None` once it has ended for good, or when
    /// it is absent.
    #[must_use]
    pub fn deadline(&self) -> Option<BootInstant> {
        let nanos = self.deadline_ns.as_ref()?.load(Ordering::SeqCst);
        (nanos != ENDED).then_some(BootInstant { nanos })
    }

    /// Whether the lease is valid now. The clock is read after the deadline, so that a pause
    /// between the two can only turn a true answer into a false one.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.deadline()
            .is_some_and(|deadline| BootInstant::now() < deadline)
    }

    /// Whether the lease, as last renewed, covers `instant`. The deadline itself is outside.
    #[must_use]
    pub fn is_valid_at(&self, instant: BootInstant) -> bool {
        self.deadline().is_some_and(|deadline| instant < deadline)
    }
}

/// Two handles are equal when they read the same lease; all absent leases are equal.
impl PartialEq for Lease {
    fn eq(&self, other: &Self) -> bool {
        match (&self.deadline_ns, &other.deadline_ns) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Lease {}

#[cfg(feature = "serde")]
impl serde::Serialize for Lease {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Lease {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self::absent())
    }
}

/// The driver's end of one epoch's lease. Dropping it ends the lease.
#[derive(Debug)]
pub struct LeaseHolder {
    deadline_ns: Arc<AtomicU64>,
}

impl LeaseHolder {
    /// A lease that is valid until `deadline`.
    #[must_use]
    pub fn until(deadline: BootInstant) -> Self {
        Self {
            deadline_ns: Arc::new(AtomicU64::new(deadline.nanos)),
        }
    }

    /// A reading end.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease {
            deadline_ns: Some(Arc::clone(&self.deadline_ns)),
        }
    }

    /// Moves the deadline forward, never back. Returns false, and changes nothing, once the lease
    /// has ended.
    pub fn renew(&self, deadline: BootInstant) -> bool {
        self.deadline_ns
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |current| {
                (current != ENDED).then_some(current.max(deadline.nanos))
            })
            .is_ok()
    }

    /// Ends the lease for good: no reading after this call returns finds it valid.
    pub fn end(&self) {
        self.deadline_ns.store(ENDED, Ordering::SeqCst);
    }
}

impl Drop for LeaseHolder {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_lease_lapses_and_is_renewed_in_place() {
        let holder = LeaseHolder::until(BootInstant::from_nanos(1));
        let lease = holder.lease();
        assert!(!lease.is_valid());
        assert!(holder.renew(BootInstant::now().saturating_add(MINUTE)));
        assert!(lease.is_valid() && lease.clone().is_valid());
        assert!(lease.is_valid_at(BootInstant::now()));
        assert!(!lease.is_valid_at(lease.deadline().unwrap()));
    }

    #[test]
    fn a_renewal_never_shortens() {
        let late = BootInstant::now().saturating_add(MINUTE);
        let holder = LeaseHolder::until(late);
        assert!(holder.renew(BootInstant::from_nanos(5)));
        assert_eq!(holder.lease().deadline(), Some(late));
    }

    #[test]
    fn an_ended_lease_stays_ended() {
        let holder = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let lease = holder.lease();
        assert!(lease.is_valid());
        holder.end();
        assert!(!holder.renew(BootInstant::FAR_FUTURE));
        assert!(!lease.is_valid() && lease.deadline().is_none());
    }

    #[test]
    fn a_lease_ends_with_its_holder() {
        let lease = LeaseHolder::until(BootInstant::FAR_FUTURE).lease();
        assert!(!lease.is_valid());
        assert!(!lease.is_absent());
        assert!(Lease::absent().is_absent() && !Lease::absent().is_valid());
    }

    #[cfg(feature = "simulation")]
    #[test]
    fn a_simulated_clock_is_that_of_its_thread() {
        BootInstant::simulate(Some(|| BootInstant::from_nanos(7)));
        assert_eq!(BootInstant::now(), BootInstant::from_nanos(7));
        let elsewhere = std::thread::spawn(BootInstant::now).join().unwrap();
        assert_ne!(elsewhere, BootInstant::from_nanos(7));
        BootInstant::simulate(None);
        assert_ne!(BootInstant::now(), BootInstant::from_nanos(7));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_lease_crosses_the_wire_as_absent() {
        let holder = LeaseHolder::until(BootInstant::FAR_FUTURE);
        let text = serde_json::to_string(&holder.lease()).unwrap();
        let back: Lease = serde_json::from_str(&text).unwrap();
        assert!(back.is_absent());
    }
}

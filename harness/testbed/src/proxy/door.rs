//! One proxy: a port that leads to one member.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::link::Link;
use super::pump::pump;
use super::worker::Worker;

/// A target on this machine accepts or refuses at once, unless it stands still.
const DIAL_LIMIT: Duration = Duration::from_secs(10);
/// When the system has no more descriptors to give.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Door {
    endpoint: String,
    target: watch::Sender<String>,
}

impl Door {
    /// Listens for connections to `target`, which need not be there yet.
    pub(super) fn open(
        worker: &Worker,
        listener: std::net::TcpListener,
        target: String,
        there: Arc<Link>,
        back: Arc<Link>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let endpoint = listener.local_addr()?.to_string();
        let (target, leads_to) = watch::channel(target);
        worker.spawn(serve(listener, leads_to, there, back));
        Ok(Self { endpoint, target })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn target(&self) -> String {
        self.target.borrow().clone()
    }

    pub(super) fn lead_to(&self, target: String) {
        self.target.send_replace(target);
    }
}

/// A port that may be taken. A member that does not run yet holds its own no more than anybody.
pub(super) fn listen(may_take: impl Fn(&str) -> bool) -> io::Result<std::net::TcpListener> {
    let mut refused = Vec::new();
    loop {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        if may_take(&listener.local_addr()?.to_string()) {
            return Ok(listener);
        }
        // Held, so that the system does not offer it again.
        refused.push(listener);
    }
}

async fn serve(
    listener: std::net::TcpListener,
    target: watch::Receiver<String>,
    there: Arc<Link>,
    back: Arc<Link>,
) {
    // It fails only where there is no runtime.
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        match listener.accept().await {
            Ok((dialer, _)) => {
                let (target, there, back) = (target.clone(), there.clone(), back.clone());
                tokio::spawn(async move { admit(dialer, &target, &there, &back).await });
            }
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn admit(mut dialer: TcpStream, target: &watch::Receiver<String>, there: &Link, back: &Link) {
    if there.is_cut() {
        return keep_out(dialer, there).await;
    }
    let endpoint = target.borrow().clone();
    let Ok(Ok(mut target)) = timeout(DIAL_LIMIT, TcpStream::connect(endpoint)).await else {
        // A refusal is an answer, and so gets lost on a link that is cut.
        if back.is_cut() {
            return keep_out(dialer, back).await;
        }
        return reset(&dialer);
    };
    // Without it the system joins small writes that the driver sent apart.
    let _ = dialer
        .set_nodelay(true)
        .and_then(|()| target.set_nodelay(true));
    let carried = {
        let (from_dialer, to_dialer) = dialer.split();
        let (from_target, to_target) = target.split();
        tokio::try_join!(
            pump(from_dialer, to_target, there, back),
            pump(from_target, to_dialer, back, there),
        )
    };
    if carried.is_err() {
        reset(&dialer);
        reset(&target);
    }
}

/// Answers nothing for as long as the link is cut, and resets the connection then.
async fn keep_out(mut dialer: TcpStream, cut: &Link) {
    cut.count_disturbed(1);
    let mut fault = cut.follow();
    let mut ignored = [0; 4_096];
    while cut.is_cut() {
        tokio::select! {
            changed = fault.changed() => if changed.is_err() { break },
            read = dialer.read(&mut ignored) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) => cut.count_disturbed(1),
            },
        }
    }
    reset(&dialer);
}

/// Makes the end of the connection, when it is dropped, a reset: the end of a stream that has lost
/// something must not look like one that arrived whole.
fn reset(stream: &TcpStream) {
    // A connection that is gone already needs no reset.
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_port_that_a_member_needs_is_not_taken() {
        let offered = RefCell::new(Vec::new());
        let third = listen(|endpoint| {
            offered.borrow_mut().push(endpoint.to_owned());
            offered.borrow().len() == 3
        });
        let offered = offered.into_inner();
        assert_eq!(third.unwrap().local_addr().unwrap().to_string(), offered[2]);
        assert!(offered[0] != offered[1] && !offered[..2].contains(&offered[2]));
    }
}

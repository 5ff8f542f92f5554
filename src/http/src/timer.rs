//! The timer of one HTTP/1.1 connection. hyper arms one with each request and takes it down a moment
//! later; here that costs next to nothing, since a connection has one alarm, which is moved only when
//! it goes off too early.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// The timer. One deadline at a time is waited for.
#[derive(Clone, Default)]
pub(crate) struct ConnectionTimer(Arc<Mutex<Option<Alarm>>>);

type Alarm = Pin<Box<tokio::time::Sleep>>;

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { alarm: self.0.clone(), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

struct Until {
    alarm: Arc<Mutex<Option<Alarm>>>,
    deadline: tokio::time::Instant,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.deadline)));
        if alarm.deadline() > self.deadline {
            alarm.as_mut().reset(self.deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if alarm.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_deadline_is_kept_whatever_went_before() {
        let timer = ConnectionTimer::default();
        let begin = tokio::time::Instant::now();
        let seconds = || begin.elapsed().as_secs();
        // Given up before it is due, as hyper does when a request came.
        let early = timer.sleep(Duration::from_secs(30));
        assert!(tokio::time::timeout(Duration::from_secs(10), early).await.is_err());
        timer.sleep(Duration::from_secs(30)).await;
        assert_eq!(seconds(), 40);
        timer.sleep(Duration::from_secs(5)).await;
        assert_eq!(seconds(), 45);
        let late = timer.sleep(Duration::from_secs(60));
        assert!(tokio::time::timeout(Duration::from_secs(1), late).await.is_err());
        timer.sleep(Duration::from_secs(2)).await;
        assert_eq!(seconds(), 48);
        timer.sleep(Duration::ZERO).await;
        assert_eq!(seconds(), 48);
    }
}

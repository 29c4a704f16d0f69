//! Tell a receiver of what happened: each event at least once, and of each member in order.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Delivery, ReceiverName};
use crate::ports::clock::Clock;
use crate::ports::random::Random;
use crate::ports::receiver::{NotReceived, Receiver};
use crate::ports::store::{OutboxDirectory, Store, StoreError};
use crate::timestamp::Timestamp;

/// How long a claim lasts: longer than an attempt takes, by more than clocks of instances differ.
pub const CLAIM: Duration = Duration::from_mins(1);

/// The use case, for one receiver.
pub struct DeliverEvents {
    /// What the receiver is called.
    pub name: ReceiverName,
    /// The receiver.
    pub receiver: Arc<dyn Receiver>,
    /// Where events wait.
    pub store: Arc<dyn Store>,
    /// Where they are looked up.
    pub directory: Arc<dyn OutboxDirectory>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// How old an event may be for another attempt to be made.
    pub give_up_after: Duration,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// The receiver took the event.
    Delivered,
    /// It did not, and is told again; until then of nothing else about that member.
    PutOff(NotReceived),
    /// It did not, and is not told of the event any more.
    GivenUp(NotReceived),
}

impl DeliverEvents {
    /// Claims deliveries that are due, at most so many: nobody else is given them for as long as
    /// [`CLAIM`] lasts. Each is to be delivered at once.
    pub async fn claim(&self, most: u64) -> Result<Vec<Delivery>, StoreError> {
        let now = self.clock.now();
        let mut due = self.directory.due(&self.name, now, most).await?;
        if due.is_empty() {
            return Ok(due);
        }
        // All who claim do it in the same order, so that none waits for another who waits for them.
        due.sort_by_key(|delivery| delivery.event.id);
        let work = self.store.begin().await?;
        let mut claimed = vec![];
        for delivery in due {
            if work.outbox().claim(&delivery, now.plus(CLAIM)).await? {
                claimed.push(Delivery { attempts: delivery.attempts + 1, ..delivery });
            }
        }
        work.commit().await?;
        Ok(claimed)
    }

    /// Makes the attempt that was claimed. Only once the receiver has taken the event is it forgotten:
    /// whatever ends the program before, another attempt follows when the claim has run out.
    pub async fn deliver(&self, claimed: &Delivery) -> Result<Outcome, StoreError> {
        let received = self.receiver.receive(&claimed.event, self.clock.now()).await;
        let (work, now) = (self.store.begin().await?, self.clock.now());
        let outcome = match received {
            Ok(()) => Outcome::Delivered,
            Err(error) if claimed.is_given_up(self.give_up_after, now) => Outcome::GivenUp(error),
            Err(error) => Outcome::PutOff(error),
        };
        match outcome {
            Outcome::Delivered | Outcome::GivenUp(_) => work.outbox().remove(claimed).await?,
            Outcome::PutOff(_) => {
                let until = now.plus(claimed.pause(self.random.as_ref()));
                work.outbox().put_off(claimed, until).await?;
            }
        }
        work.commit().await?;
        Ok(outcome)
    }

    /// When the oldest event happened that the receiver has not taken yet.
    pub async fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        self.directory.oldest(&self.name).await
    }
}

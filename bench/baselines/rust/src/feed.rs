//! The connections of a task, all on one thread, and the count of the trades that came over them.
use crate::messages::{parser_of, Parse, Trade};
use crate::task::Task;
use crate::Failure;
use futures_util::{SinkExt, StreamExt};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Between messages to an exchange that limits them to five a second.
const REQUEST_GAP: Duration = Duration::from_millis(400);

/// What a baseline does with trades.
pub trait Store {
    /// Takes a trade; answers its size in units of 10^-8.
    fn trade(&mut self, trade: &Trade) -> Result<u64, Failure>;
    /// Writes everything it has.
    fn finish(&mut self) -> Result<(), Failure>;
}

struct Count {
    messages: u64,
    size: u64,
    warm: Instant,
}

struct Shared<S> {
    store: Rc<RefCell<S>>,
    count: RefCell<Count>,
    parse: Parse,
    warmup: u64,
    end: u64,
}

impl<S: Store> Shared<S> {
    /// Takes a message; answers whether it was the last one.
    fn take(&self, text: &str) -> Result<bool, Failure> {
        let mut count = self.count.borrow_mut();
        // what comes over another connection behind the last one is nobody's
        if count.messages == self.end {
            return Ok(true);
        }
        let Some(trade) = (self.parse)(text) else { return Ok(false) };
        let size = self.store.borrow_mut().trade(&trade)?;
        count.messages += 1;
        count.size += size;
        if count.messages == self.warmup {
            count.warm = Instant::now();
            println!("{{\"kind\":\"warm\"}}");
        }
        Ok(count.messages == self.end)
    }
}

/// One connection, until the last trade has come over any of them.
async fn connection<S: Store>(shared: Rc<Shared<S>>, url: String, subscribe: Vec<String>) -> Result<(), Failure> {
    let (stream, _) = connect_async(&url).await?;
    let (mut out, mut incoming) = stream.split();
    for (i, text) in subscribe.into_iter().enumerate() {
        if i > 0 {
            tokio::time::sleep(REQUEST_GAP).await;
        }
        out.send(Message::text(text)).await?;
    }
    loop {
        let message = incoming.next().await.ok_or("the server has gone")??;
        if let Message::Text(text) = message {
            if shared.take(&text)? {
                return Ok(());
            }
        }
    }
}

/// Takes the trades of the task and tells what they were; within a LocalSet.
pub async fn run<S: Store + 'static>(task: Task, store: Rc<RefCell<S>>) -> Result<(), Failure> {
    let shared = Rc::new(Shared {
        store: store.clone(),
        count: RefCell::new(Count { messages: 0, size: 0, warm: Instant::now() }),
        parse: parser_of(&task.exchange).ok_or("unknown exchange")?,
        warmup: task.warmup,
        end: task.warmup + task.messages,
    });
    let mut connections = JoinSet::new();
    for subscribe in task.subscribe {
        connections.spawn_local(connection(shared.clone(), task.url.clone(), subscribe));
    }
    // the first that ends has taken the last trade, or has failed
    connections.join_next().await.ok_or("no connections")??
        .map(|()| connections.abort_all())?;
    let count = shared.count.borrow();
    let wall_us = count.warm.elapsed().as_secs_f64() * 1e6;
    store.borrow_mut().finish()?;
    let (messages, size) = (count.messages, count.size);
    println!("{{\"kind\":\"result\",\"messages\":{messages},\"size\":{size},\"wall_us\":{wall_us}}}");
    Ok(())
}

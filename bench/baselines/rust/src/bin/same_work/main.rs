//! Baseline that does what the logger does with trades: a journal with checksums that is made durable every 200 ms, all
//! columns with exact digits and decimals in files per symbol and day, ids followed, a checkpoint a minute. The files of
//! both hold the same bytes (test/bench/same_work.test.ts), but for the times of receipt.
mod journal;
mod partition;
mod row;

use baseline::feed::{self, Store};
use baseline::messages::Trade;
use baseline::task::Task;
use baseline::Failure;
use journal::Journal;
use partition::Partition;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{interval, sleep};

/// How long rows are gathered for one block of the journal; the logger's writer sleeps for as long.
const BLOCK: Duration = Duration::from_millis(5);
/// How often is looked at what is due: syncs, rows that have waited, the checkpoint.
const LOOK: Duration = Duration::from_millis(50);
const CHECKPOINT: Duration = Duration::from_secs(60);

struct Logger {
    journal: Journal,
    /// told when the first row of a block is there
    begun: Rc<Notify>,
    partitions: FxHashMap<String, Partition>,
    /// values of a column on their way to a file
    column: Vec<u32>,
    flush: Duration,
    checkpointed: Instant,
    /// ids that were left out
    missing: u64,
}

impl Logger {
    fn new(task: &Task) -> Result<Self, Failure> {
        let folder = Path::new(&task.folder);
        let exchange = folder.join(&task.exchange);
        let partition = |(stream, symbol): (usize, &String)| {
            (symbol.clone(), Partition::new(exchange.join(directory_of(symbol)).join("TRADES"), stream as u32))
        };
        Ok(Self {
            journal: Journal::new(folder.join("journal"), &task.symbols)?,
            begun: Rc::new(Notify::new()),
            partitions: task.symbols.iter().enumerate().map(partition).collect(),
            column: Vec::new(),
            flush: Duration::from_secs_f64(task.flush_secs) - 2 * LOOK,
            checkpointed: Instant::now(),
            missing: 0,
        })
    }

    /// What is due now.
    fn look(&mut self) -> Result<(), Failure> {
        self.journal.sync_when_due();
        for partition in self.partitions.values_mut() {
            partition.flush_older(self.flush, &mut self.column)?;
        }
        if self.checkpointed.elapsed() >= CHECKPOINT {
            self.checkpointed = Instant::now();
            self.flush_all()?;
            self.journal.checkpoint();
        }
        Ok(())
    }

    fn flush_all(&mut self) -> Result<(), Failure> {
        for partition in self.partitions.values_mut() {
            partition.flush(&mut self.column)?;
        }
        Ok(())
    }
}

impl Store for Logger {
    fn trade(&mut self, trade: &Trade) -> Result<u64, Failure> {
        let partition = self.partitions.get_mut(trade.symbol).ok_or("unknown symbol")?;
        let (row, size) = row::row_of(trade, partition.stream)?;
        if trade.id <= partition.last_id {
            // sent again
            return Ok(0);
        }
        if partition.last_id > 0 {
            self.missing += trade.id - partition.last_id - 1;
        }
        partition.last_id = trade.id;
        if !self.journal.is_waiting() {
            self.begun.notify_one();
        }
        self.journal.append(&row);
        partition.push(row, &mut self.column)?;
        Ok(size)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if self.missing > 0 {
            eprintln!("{} trades are missing", self.missing);
        }
        self.journal.close()?;
        self.flush_all()
    }
}

/// Writes blocks of the journal while there are rows, and sleeps while there are none.
async fn write_blocks(logger: Rc<RefCell<Logger>>) -> Result<(), Failure> {
    let begun = logger.borrow().begun.clone();
    loop {
        begun.notified().await;
        sleep(BLOCK).await;
        logger.borrow_mut().journal.write()?;
    }
}

async fn look_after(logger: Rc<RefCell<Logger>>) -> Result<(), Failure> {
    let mut ticks = interval(LOOK);
    loop {
        ticks.tick().await;
        logger.borrow_mut().look()?;
    }
}

/// A symbol as a folder (src/base/names.ts): what is no letter, digit, `.`, `_` or `-` is written %HH.
fn directory_of(symbol: &str) -> String {
    let plain = |i: usize, byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (i > 0 && b".-".contains(&byte));
    let part = |(i, byte): (usize, u8)| if plain(i, byte) { (byte as char).to_string() } else { format!("%{byte:02X}") };
    symbol.bytes().enumerate().map(part).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let task = Task::from_arguments()?;
    let logger = Rc::new(RefCell::new(Logger::new(&task)?));
    let work = async {
        tokio::select! {
            ended = feed::run(task, logger.clone()) => ended,
            failed = write_blocks(logger.clone()) => failed,
            failed = look_after(logger.clone()) => failed,
        }
    };
    LocalSet::new().run_until(work).await
}

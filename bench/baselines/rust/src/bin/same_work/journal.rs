//! The journal: segments of blocks, each with a header, a CRC-32 and the rows that came since the block before, framed
//! as the logger frames them (src/store/journal_format.ts). A thread of its own makes them durable.
use crate::row::{Row, COLUMNS};
use std::fs::{create_dir_all, remove_file, File};
use std::io::{Result, Write};
use std::mem::take;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::thread::{spawn, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MAGIC: u32 = 0x4a4c_4f47;
const HEADER_WORDS: usize = 12;
const KIND_HEADER: u32 = 1;
const KIND_RECORDS: u32 = 2;
const SEGMENT_BYTES: u64 = 256 * 1024 * 1024;
/// A row is durable after so long at the latest.
const SYNC: Duration = Duration::from_millis(200);

enum Order {
    /// Makes a segment durable, up to this block.
    Sync(Arc<File>, u64),
    /// Makes everything on the file system of the folder durable, then removes these.
    Checkpoint(Vec<PathBuf>),
}

pub struct Journal {
    folder: PathBuf,
    streams: Vec<u32>,
    file: Arc<File>,
    segment: u32,
    salt: u32,
    written: u64,
    /// segments before, until a checkpoint makes them superfluous
    before: Vec<PathBuf>,
    /// the block that is gathered, its header in front
    block: Vec<u32>,
    sequence: u64,
    /// block up to which a sync was ordered, and when the oldest block behind it was written
    ordered: u64,
    unsynced_since: Instant,
    synced: Arc<AtomicU64>,
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// `streams`: what the numbers in the records stand for, for the head of each segment.
    pub fn new(folder: PathBuf, streams: &[String]) -> Result<Self> {
        create_dir_all(&folder)?;
        let mut names = serde_json::to_vec(streams)?;
        names.resize(names.len().next_multiple_of(4), b' ');
        let streams = names.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        let (orders, incoming) = channel();
        let synced = Arc::new(AtomicU64::new(0));
        let root = File::open(&folder)?;
        let thread = {
            let synced = synced.clone();
            spawn(move || {
                for order in incoming {
                    if let Err(error) = carry_out(order, &root, &synced) {
                        // nothing that is written from here on can be relied on
                        eprintln!("the journal cannot be made durable: {error}");
                        std::process::exit(1);
                    }
                }
            })
        };
        let file = Arc::new(File::create(folder.join(segment_name(1)))?);
        let mut journal = Self {
            folder,
            streams,
            file,
            segment: 1,
            salt: 0,
            written: 0,
            before: Vec::new(),
            block: vec![0; HEADER_WORDS],
            sequence: 0,
            ordered: 0,
            unsynced_since: Instant::now(),
            synced,
            orders: Some(orders),
            thread: Some(thread),
        };
        journal.begin_segment()?;
        Ok(journal)
    }

    /// Whether something waits for write().
    pub fn is_waiting(&self) -> bool {
        self.block.len() > HEADER_WORDS
    }

    pub fn append(&mut self, row: &Row) {
        self.block.extend_from_slice(row);
    }

    /// Hands the block to the operating system: a killed process loses none of it from here on.
    pub fn write(&mut self) -> Result<()> {
        if !self.is_waiting() {
            return Ok(());
        }
        if self.written >= SEGMENT_BYTES {
            self.rotate()?;
        }
        if self.ordered == self.sequence {
            self.unsynced_since = Instant::now();
        }
        self.sequence += 1;
        self.write_block(KIND_RECORDS)
    }

    fn write_block(&mut self, kind: u32) -> Result<()> {
        let synced = self.synced.load(Ordering::Relaxed);
        let length = (self.block.len() - HEADER_WORDS) * 4;
        let header = [
            MAGIC,
            0,
            length as u32,
            kind,
            self.sequence as u32,
            (self.sequence >> 32) as u32,
            synced as u32,
            (synced >> 32) as u32,
            self.segment,
            self.salt,
            COLUMNS.len() as u32,
            0,
        ];
        self.block[..HEADER_WORDS].copy_from_slice(&header);
        self.block[1] = crc32fast::hash(bytemuck::cast_slice(&self.block[2..]));
        let bytes = bytemuck::cast_slice(&self.block);
        (&*self.file).write_all(bytes)?;
        self.written += bytes.len() as u64;
        self.block.truncate(HEADER_WORDS);
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<()> {
        self.salt = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        self.block.extend_from_slice(&self.streams);
        self.write_block(KIND_HEADER)?;
        // its name has to be durable, too
        File::open(&self.folder)?.sync_all()
    }

    fn rotate(&mut self) -> Result<()> {
        self.order_sync();
        self.before.push(self.folder.join(segment_name(self.segment)));
        self.segment += 1;
        self.file = Arc::new(File::create(self.folder.join(segment_name(self.segment)))?);
        self.written = 0;
        let waiting = self.block.split_off(HEADER_WORDS);
        self.begin_segment()?;
        self.block.extend_from_slice(&waiting);
        Ok(())
    }

    /// Orders a sync when one is due and none runs.
    pub fn sync_when_due(&mut self) {
        let running = self.synced.load(Ordering::Relaxed) < self.ordered;
        if self.ordered < self.sequence && !running && self.unsynced_since.elapsed() >= SYNC {
            self.order_sync();
        }
    }

    fn order_sync(&mut self) {
        self.ordered = self.sequence;
        self.order(Order::Sync(self.file.clone(), self.sequence));
    }

    fn order(&self, order: Order) {
        // a thread that has ended has ended the process
        let _ = self.orders.as_ref().map(|orders| orders.send(order));
    }

    /// When every row is in its columns: segments before the current one are not needed any more.
    pub fn checkpoint(&mut self) {
        let before = take(&mut self.before);
        self.order(Order::Checkpoint(before));
    }

    /// Makes everything durable and ends the thread.
    pub fn close(&mut self) -> Result<()> {
        self.write()?;
        self.order_sync();
        self.orders = None;
        let _ = self.thread.take().map(JoinHandle::join);
        Ok(())
    }
}

fn segment_name(segment: u32) -> String {
    format!("{segment:012}.segment")
}

fn carry_out(order: Order, root: &File, synced: &AtomicU64) -> Result<()> {
    match order {
        Order::Sync(file, sequence) => {
            file.sync_data()?;
            synced.store(sequence, Ordering::Relaxed);
        }
        Order::Checkpoint(segments) => {
            // SAFETY: the descriptor is open for as long as `root` is
            if unsafe { libc::syncfs(root.as_raw_fd()) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
            for path in segments {
                remove_file(path)?;
            }
        }
    }
    Ok(())
}

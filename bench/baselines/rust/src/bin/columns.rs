//! Baseline: buffered writes of the columns that a reader of trades needs most: id, time, nanos, price, size, side.
//! No journal, no exact digits.
use baseline::feed::{self, Store};
use baseline::messages::Trade;
use baseline::task::Task;
use baseline::Failure;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::rc::Rc;
use tokio::task::LocalSet;

const BUFFER_BYTES: usize = 64 * 1024;
const SIZE_UNITS: f64 = 1e8;

/// The columns of one symbol, a file each.
struct Columns {
    id: BufWriter<File>,
    time: BufWriter<File>,
    nanos: BufWriter<File>,
    price: BufWriter<File>,
    size: BufWriter<File>,
    side: BufWriter<File>,
}

impl Columns {
    fn new(folder: &Path, symbol: &str) -> std::io::Result<Self> {
        let open = |column: &str| {
            let file = File::create(folder.join(format!("{symbol}.{column}.bin")))?;
            Ok::<_, std::io::Error>(BufWriter::with_capacity(BUFFER_BYTES, file))
        };
        Ok(Self {
            id: open("id")?,
            time: open("time")?,
            nanos: open("nanos")?,
            price: open("price")?,
            size: open("size")?,
            side: open("side")?,
        })
    }

    fn append(&mut self, trade: &Trade, price: f32, size: f32) -> std::io::Result<()> {
        self.id.write_all(&trade.id.to_le_bytes())?;
        self.time.write_all(&trade.seconds.to_le_bytes())?;
        self.nanos.write_all(&trade.nanos.to_le_bytes())?;
        self.price.write_all(&price.to_le_bytes())?;
        self.size.write_all(&size.to_le_bytes())?;
        self.side.write_all(&trade.side.to_le_bytes())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        for column in [&mut self.id, &mut self.time, &mut self.nanos] {
            column.flush()?;
        }
        for column in [&mut self.price, &mut self.size, &mut self.side] {
            column.flush()?;
        }
        Ok(())
    }
}

struct Files(FxHashMap<String, Columns>);

impl Store for Files {
    fn trade(&mut self, trade: &Trade) -> Result<u64, Failure> {
        let size: f64 = trade.size.parse()?;
        let columns = self.0.get_mut(trade.symbol).ok_or("unknown symbol")?;
        columns.append(trade, trade.price.parse()?, size as f32)?;
        Ok((size * SIZE_UNITS).round() as u64)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        for columns in self.0.values_mut() {
            columns.flush()?;
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let task = Task::from_arguments()?;
    let mut files = FxHashMap::default();
    for symbol in &task.symbols {
        files.insert(symbol.clone(), Columns::new(Path::new(&task.folder), symbol)?);
    }
    let store = Rc::new(RefCell::new(Files(files)));
    LocalSet::new().run_until(feed::run(task, store)).await
}

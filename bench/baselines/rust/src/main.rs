//! Baseline: tokio-tungstenite, serde_json into typed structs that borrow from the message, and buffered writes of the
//! columns that the logger keeps of a trade: id, time, nanos, price, size, side. See ../task.ts for the argument and
//! the lines on stdout.
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const BUFFER_BYTES: usize = 64 * 1024;
const REQUEST_GAP: Duration = Duration::from_millis(400);
const SIZE_UNITS: f64 = 1e8;

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
struct Task {
    exchange: String,
    url: String,
    subscribe: Vec<String>,
    symbols: Vec<String>,
    warmup: u64,
    messages: u64,
    folder: String,
}

/// `{"stream":"btcusdt@trade","data":{…}}`
#[derive(Deserialize)]
struct BinanceMessage<'a> {
    #[serde(borrow)]
    data: Option<BinanceTrade<'a>>,
}

#[derive(Deserialize)]
struct BinanceTrade<'a> {
    #[serde(rename = "s")]
    symbol: &'a str,
    #[serde(rename = "t")]
    id: u64,
    #[serde(rename = "p")]
    price: &'a str,
    #[serde(rename = "q")]
    size: &'a str,
    #[serde(rename = "T")]
    time_ms: u64,
    #[serde(rename = "m")]
    buyer_is_maker: bool,
}

#[derive(Deserialize)]
struct CoinbaseMessage<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "product_id")]
    symbol: Option<&'a str>,
    #[serde(rename = "trade_id")]
    id: Option<u64>,
    price: Option<&'a str>,
    size: Option<&'a str>,
    side: Option<&'a str>,
    time: Option<&'a str>,
}

struct Trade<'a> {
    symbol: &'a str,
    id: u64,
    seconds: u32,
    nanos: u32,
    price: f32,
    size: f64,
    side: u32,
}

/// A number in so many digits of a text.
fn digits(text: &str, from: usize, to: usize) -> Option<i64> {
    text.get(from..to)?.parse().ok()
}

/// Seconds and nanoseconds since 1970 of `2026-11-21T15:33:02.123456Z`.
fn iso_time(text: &str) -> Option<(u32, u32)> {
    let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 7)?, digits(text, 8, 10)?);
    // days from civil, Howard Hinnant
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + digits(text, 11, 13)? * 3600 + digits(text, 14, 16)? * 60 + digits(text, 17, 19)?;
    let micros = digits(text, 20, 26)?;
    Some((seconds as u32, micros as u32 * 1000))
}

fn binance(text: &str) -> Option<Trade<'_>> {
    let trade = serde_json::from_str::<BinanceMessage>(text).ok()?.data?;
    Some(Trade {
        symbol: trade.symbol,
        id: trade.id,
        seconds: (trade.time_ms / 1000) as u32,
        nanos: (trade.time_ms % 1000) as u32 * 1_000_000,
        price: trade.price.parse().ok()?,
        size: trade.size.parse().ok()?,
        side: if trade.buyer_is_maker { 2 } else { 1 },
    })
}

fn coinbase(text: &str) -> Option<Trade<'_>> {
    let message = serde_json::from_str::<CoinbaseMessage>(text).ok()?;
    if message.kind != "match" {
        return None;
    }
    let (seconds, nanos) = iso_time(message.time?)?;
    Some(Trade {
        symbol: message.symbol?,
        id: message.id?,
        seconds,
        nanos,
        price: message.price?.parse().ok()?,
        size: message.size?.parse().ok()?,
        // the side of a match is the maker's
        side: if message.side? == "buy" { 2 } else { 1 },
    })
}

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

    fn append(&mut self, trade: &Trade) -> std::io::Result<()> {
        self.id.write_all(&trade.id.to_le_bytes())?;
        self.time.write_all(&trade.seconds.to_le_bytes())?;
        self.nanos.write_all(&trade.nanos.to_le_bytes())?;
        self.price.write_all(&trade.price.to_le_bytes())?;
        self.size.write_all(&(trade.size as f32).to_le_bytes())?;
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let task: Task = serde_json::from_str(&std::env::args().nth(1).ok_or("the task is missing")?)?;
    let parse: fn(&str) -> Option<Trade<'_>> = if task.exchange == "binance" { binance } else { coinbase };
    let folder = Path::new(&task.folder);
    let mut files = HashMap::new();
    for symbol in &task.symbols {
        files.insert(symbol.clone(), Columns::new(folder, symbol)?);
    }
    let (stream, _) = connect_async(&task.url).await?;
    let (mut out, mut incoming) = stream.split();
    for text in &task.subscribe {
        out.send(Message::text(text.clone())).await?;
        tokio::time::sleep(REQUEST_GAP).await;
    }
    let (mut messages, mut size, mut warm) = (0u64, 0u64, Instant::now());
    while messages < task.warmup + task.messages {
        let message = incoming.next().await.ok_or("the server has gone")??;
        let Message::Text(text) = message else { continue };
        let Some(trade) = parse(&text) else { continue };
        files.get_mut(trade.symbol).ok_or("unknown symbol")?.append(&trade)?;
        messages += 1;
        size += (trade.size * SIZE_UNITS).round() as u64;
        if messages == task.warmup {
            warm = Instant::now();
            println!("{{\"kind\":\"warm\"}}");
        }
    }
    let wall_us = warm.elapsed().as_secs_f64() * 1e6;
    for columns in files.values_mut() {
        columns.flush()?;
    }
    println!("{{\"kind\":\"result\",\"messages\":{messages},\"size\":{size},\"wall_us\":{wall_us}}}");
    Ok(())
}

//! A trade as a row of the logger's table TRADES: the same columns, widths and order (src/schema/tables.ts).
use baseline::messages::Trade;
use baseline::Failure;
use std::time::{SystemTime, UNIX_EPOCH};

/// Words of a record: size and table, stream, day, then the columns; the last of them are those that other exchanges have.
pub const ROW_WORDS: usize = 31;
pub type Row = [u32; ROW_WORDS];

const TABLE_ID: u32 = 2;
const DAY_WORD: usize = 2;
const ORDER_WORDS: usize = 4;

/// Name, first word and words of every column that Binance and Coinbase have.
pub const COLUMNS: [(&str, usize, usize); 14] = [
    ("trade_id", 3, 2),
    ("trade_time", 5, 1),
    ("trade_nanos", 6, 1),
    ("trade_price", 7, 1),
    ("trade_size", 8, 1),
    ("trade_side", 9, 1),
    ("maker_order_id", 10, ORDER_WORDS),
    ("taker_order_id", 14, ORDER_WORDS),
    ("recv_time", 18, 1),
    ("recv_nanos", 19, 1),
    ("price_digits", 20, 2),
    ("size_digits", 22, 2),
    ("scales", 24, 1),
    ("flags", 25, 1),
];

const FLAG_SUSPECT_CLOCK: u32 = 1 << 2;
const FLAG_FAILED_VALIDATION: u32 = 1 << 3;
const FLAG_MAKER_MISSING: u32 = 1 << 16;
const FLAG_TAKER_MISSING: u32 = 1 << 17;

const SECONDS_PER_DAY: u32 = 86_400;
const CLOCK_SKEW_SECONDS_MAX: u32 = 86_400;
/// More digits than that may not fit into 64 bits.
const DIGITS_MAX: usize = 19;
const SIZE_DECIMALS: u32 = 8;

/// A number as it was sent: its digits without the point, and how many of them are decimals.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u64,
    scale: u32,
}

fn decimal(text: &str) -> Option<Decimal> {
    let (mut digits, mut count, mut point) = (0u64, 0, None);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits = digits.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                count += 1;
            }
            b'.' if point.is_none() && count > 0 => point = Some(i),
            _ => return None,
        }
    }
    let scale = point.map_or(0, |i| text.len() - i - 1);
    (count > 0 && count <= DIGITS_MAX).then_some(Decimal { digits, scale: scale as u32 })
}

fn words(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

/// The 16 bytes of a UUID as words of a little-endian file.
fn uuid(text: &str) -> Option<[u32; ORDER_WORDS]> {
    let mut digits = text.bytes().filter(|&byte| byte != b'-');
    let mut bytes = [0u8; 16];
    for byte in &mut bytes {
        *byte = hex(digits.next()?)? << 4 | hex(digits.next()?)?;
    }
    digits.next().is_none().then(|| bytemuck::cast(bytes))
}

fn not_plain(text: &str) -> Failure {
    format!("{text} is no plain number").into()
}

/// The row of a trade, and its size in units of 10^-8.
pub fn row_of(trade: &Trade, stream: u32) -> Result<(Row, u64), Failure> {
    let received = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let recv_time = received.as_secs() as u32;
    let price = decimal(trade.price).ok_or_else(|| not_plain(trade.price))?;
    let size = decimal(trade.size).ok_or_else(|| not_plain(trade.size))?;
    let believed = trade.seconds.abs_diff(recv_time) <= CLOCK_SKEW_SECONDS_MAX;
    let maker = trade.maker_order.and_then(uuid);
    let taker = trade.taker_order.and_then(uuid);
    let flag = |mask: u32, set: bool| if set { mask } else { 0 };
    let mut row = [0; ROW_WORDS];
    row[0] = ROW_WORDS as u32 | TABLE_ID << 16;
    row[1] = stream;
    row[DAY_WORD] = if believed { trade.seconds } else { recv_time } / SECONDS_PER_DAY;
    row[3..5].copy_from_slice(&words(trade.id));
    row[5] = trade.seconds;
    row[6] = trade.nanos;
    // both are the nearest single to what was sent
    row[7] = trade.price.parse::<f32>()?.to_bits();
    row[8] = trade.size.parse::<f32>()?.to_bits();
    row[9] = trade.side;
    row[10..14].copy_from_slice(&maker.unwrap_or_default());
    row[14..18].copy_from_slice(&taker.unwrap_or_default());
    row[18] = recv_time;
    row[19] = received.subsec_nanos();
    row[20..22].copy_from_slice(&words(price.digits));
    row[22..24].copy_from_slice(&words(size.digits));
    row[24] = price.scale | size.scale << 8;
    row[25] = flag(FLAG_SUSPECT_CLOCK, !believed)
        | flag(FLAG_FAILED_VALIDATION, price.digits == 0 || size.digits == 0)
        | flag(FLAG_MAKER_MISSING, maker.is_none())
        | flag(FLAG_TAKER_MISSING, taker.is_none());
    let unit = 10u64.checked_pow(SIZE_DECIMALS.saturating_sub(size.scale)).ok_or("a size is too large")?;
    Ok((row, size.digits * unit))
}

pub fn day_of(row: &Row) -> u32 {
    row[DAY_WORD]
}

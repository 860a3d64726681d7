//! Trades in the messages of the exchanges: serde_json into typed structs that borrow from the message.
use serde::Deserialize;

pub const BUY: u32 = 1;
pub const SELL: u32 = 2;

/// A trade with its numbers as they were sent.
pub struct Trade<'a> {
    pub symbol: &'a str,
    pub id: u64,
    pub seconds: u32,
    pub nanos: u32,
    pub price: &'a str,
    pub size: &'a str,
    /// of the taker
    pub side: u32,
    pub maker_order: Option<&'a str>,
    pub taker_order: Option<&'a str>,
}

pub type Parse = fn(&str) -> Option<Trade<'_>>;

/// The parser of an exchange; it answers nothing for a message that is no trade.
pub fn parser_of(exchange: &str) -> Option<Parse> {
    match exchange {
        "binance" => Some(binance),
        "coinbase" => Some(coinbase),
        _ => None,
    }
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

fn binance(text: &str) -> Option<Trade<'_>> {
    let trade = serde_json::from_str::<BinanceMessage>(text).ok()?.data?;
    Some(Trade {
        symbol: trade.symbol,
        id: trade.id,
        seconds: (trade.time_ms / 1000) as u32,
        nanos: (trade.time_ms % 1000) as u32 * 1_000_000,
        price: trade.price,
        size: trade.size,
        side: if trade.buyer_is_maker { SELL } else { BUY },
        maker_order: None,
        taker_order: None,
    })
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
    maker_order_id: Option<&'a str>,
    taker_order_id: Option<&'a str>,
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
        price: message.price?,
        size: message.size?,
        // the side of a match is the maker's
        side: if message.side? == "buy" { SELL } else { BUY },
        maker_order: message.maker_order_id,
        taker_order: message.taker_order_id,
    })
}

/// A number in so many digits of a text.
fn digits(text: &str, from: usize, to: usize) -> Option<i64> {
    text.get(from..to)?.parse().ok()
}

/// Seconds and nanoseconds since 1970 of `2026-11-21T15:33:02.123456Z`.
fn iso_time(text: &str) -> Option<(u32, u32)> {
    let days = days_from_civil(digits(text, 0, 4)?, digits(text, 5, 7)?, digits(text, 8, 10)?);
    let seconds = days * 86_400 + digits(text, 11, 13)? * 3600 + digits(text, 14, 16)? * 60 + digits(text, 17, 19)?;
    let micros = digits(text, 20, 26)?;
    Some((seconds as u32, micros as u32 * 1000))
}

/// Days since 1970-01-01 (Howard Hinnant, days_from_civil).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

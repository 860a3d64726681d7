//! See ../../task.ts for the argument and the lines on stdout.
use crate::Failure;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub exchange: String,
    pub url: String,
    /// What is sent first, by connection.
    pub subscribe: Vec<Vec<String>>,
    pub symbols: Vec<String>,
    pub warmup: u64,
    pub messages: u64,
    pub folder: String,
    pub flush_secs: f64,
}

impl Task {
    pub fn from_arguments() -> Result<Self, Failure> {
        let text = std::env::args().nth(1).ok_or("the task is missing")?;
        Ok(serde_json::from_str(&text)?)
    }
}

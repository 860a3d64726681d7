//! What both baselines have in common: the task, the messages of the exchanges and the connections. What is done with a
//! trade is their own.
pub mod feed;
pub mod messages;
pub mod task;

pub type Failure = Box<dyn std::error::Error>;

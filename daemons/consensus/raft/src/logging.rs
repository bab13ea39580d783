//! Raft's log lines, as text to the caller's callback. Debug and trace lines are compiled out of a release build.

use std::fmt::{self, Write};

use slog::{Drain, Level, Logger, Never, OwnedKVList, Record, KV};

use crate::abi::{Bytes, LogCallbacks};

struct CallbackDrain(LogCallbacks);

// Safety: a drain is only used inside a call with its handle, and the handle is used by one thread at a time.
unsafe impl Send for CallbackDrain {}
unsafe impl Sync for CallbackDrain {}
impl std::panic::UnwindSafe for CallbackDrain {}
impl std::panic::RefUnwindSafe for CallbackDrain {}

struct Pairs<'a>(&'a mut String);

impl slog::Serializer for Pairs<'_> {
    fn emit_arguments(&mut self, key: slog::Key, value: &fmt::Arguments) -> slog::Result {
        write!(self.0, ", {key}: {value}")?;
        Ok(())
    }
}

impl Drain for CallbackDrain {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), Never> {
        let Some(log) = self.0.log else { return Ok(()) };
        let level = match record.level() {
            Level::Critical | Level::Error => 0,
            Level::Warning => 1,
            _ => 2,
        };
        let mut text = record.msg().to_string();
        let _ = record.kv().serialize(record, &mut Pairs(&mut text));
        let _ = values.serialize(record, &mut Pairs(&mut text));
        log(self.0.context, level, Bytes::of(text.as_bytes()));
        Ok(())
    }

    fn is_enabled(&self, level: Level) -> bool {
        level.is_at_least(Level::Info)
    }
}

pub fn logger(callbacks: &LogCallbacks) -> Logger {
    match callbacks.log {
        Some(_) => Logger::root(CallbackDrain(*callbacks), slog::o!()),
        None => Logger::root(slog::Discard, slog::o!()),
    }
}

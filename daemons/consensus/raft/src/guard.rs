//! What stands at the boundary: errors become a code and a text, panics are caught.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use crate::abi::{self, ErrorOut};

/// Why a call failed.
pub struct Failure {
    pub code: i32,
    pub text: String,
}

impl Failure {
    pub fn new(code: i32, text: impl Into<String>) -> Failure {
        Failure { code, text: text.into() }
    }
}

impl From<raft::Error> for Failure {
    fn from(error: raft::Error) -> Failure {
        let code = match &error {
            raft::Error::StepLocalMsg | raft::Error::CodecError(_) => abi::BAD_MESSAGE,
            raft::Error::StepPeerNotFound => abi::UNKNOWN_PEER,
            raft::Error::ProposalDropped | raft::Error::RequestSnapshotDropped => abi::DROPPED,
            raft::Error::ConfChangeError(_) => abi::CONF_CHANGE,
            _ => abi::INVALID_ARGUMENT,
        };
        Failure::new(code, error.to_string())
    }
}

pub type Outcome = Result<(), Failure>;

thread_local! {
    static PANIC_PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics are reported by the call that hits them, with their place; nothing is printed. The hook is process wide, which
/// is ours alone: this library holds all the Rust of the process.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line()));
            PANIC_PLACE.with(|text| *text.borrow_mut() = place.unwrap_or_default());
        }));
    });
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = if let Some(text) = payload.downcast_ref::<String>() {
        text.as_str()
    } else if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else {
        "panic"
    };
    PANIC_PLACE.with(|place| format!("{}{}", text, place.borrow()))
}

fn fill(error: *mut ErrorOut, code: i32, text: &str) {
    // Safety: the caller gives null or a struct it owns.
    let Some(error) = (unsafe { error.as_mut() }) else { return };
    let mut size = text.len().min(abi::TEXT_SIZE - 1);
    while !text.is_char_boundary(size) {
        size -= 1;
    }
    error.code = code;
    for (to, from) in error.text.iter_mut().zip(text.as_bytes()[..size].iter()) {
        *to = *from as std::ffi::c_char;
    }
    error.text[size] = 0;
}

/// Runs the body of an ABI function. A panic becomes `PANIC`.
pub fn run(error: *mut ErrorOut, body: impl FnOnce() -> Outcome) -> i32 {
    install_hook();
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => abi::OK,
        Ok(Err(failure)) => {
            fill(error, failure.code, &failure.text);
            failure.code
        }
        Err(payload) => {
            fill(error, abi::PANIC, &panic_text(payload.as_ref()));
            // A payload whose own drop panics must not unwind into C++ either.
            let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
            abi::PANIC
        }
    }
}

//! How many files this process may have open.
//!
//! Must never ask for more than the system grants without being asked.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the highest that the process may give itself: every connection and every
/// table of a segment has a file open, and the usual first limit is one of older programs.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Where it is refused, fewer files do as well: tables are let go of.
    let _ = setrlimit(Resource::Nofile, raised);
}

//! Answers every request with 204. It must never do anything else: it stands for what a component
//! costs that does nothing.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_future;

/// The component.
struct Empty;

impl Guest for Empty {
    async fn handle(_request: Request) -> Result<Response, ErrorCode> {
        let (trailers, told) = wit_future::new(|| Ok(None));
        let (response, _sent) = Response::new(Fields::new(), None, told);
        drop(trailers);
        // 204 is a status code that exists, so it cannot be refused.
        let _ = response.set_status_code(204);
        Ok(response)
    }
}

/// What the linker sees of the component.
#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod export {
    use crate::Empty;

    wasip3::http::service::export!(Empty);
}

//! A gateway that does what none may: the last word of the path says what. It must never be
//! shipped; tests run it in the place of the real one.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

/// The component.
struct Broken;

impl Guest for Broken {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        match path.as_str() {
            "/trap" => std::process::abort(),
            "/loop" => forever(),
            "/unended" => Ok(unended()),
            _ => Ok(empty()),
        }
    }
}

/// Computes without end.
fn forever() -> ! {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

fn empty() -> Response {
    let (trailers, told) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), None, told);
    drop(trailers);
    // 204 is a status code that exists, so it cannot be refused.
    let _ = response.set_status_code(204);
    response
}

/// An answer whose body begins and never ends. Only its length tells that it is not whole.
fn unended() -> Response {
    let fields = Fields::new();
    // The field is allowed and its value is one.
    let _ = fields.append("content-length", b"1000");
    let (trailers, told) = wit_future::new(|| Ok(None));
    let (mut writer, reader) = wit_stream::new::<u8>();
    let (response, sent) = Response::new(fields, Some(reader), told);
    spawn_local(async move {
        writer.write_all(b"first".to_vec()).await;
        let _ = sent.await;
        drop((writer, trailers));
    });
    response
}

/// What the linker sees of the component.
#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod export {
    use crate::Broken;

    wasip3::http::service::export!(Broken);
}

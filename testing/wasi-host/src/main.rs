//! `billet-wasi-host COMPONENT FOLDER ADDRESS [CONCURRENT TOTAL]`: serves a component as a process
//! of its own, so that it can be killed. The component sees the `BILLET_` variables.

use std::path::Path;
use std::process::ExitCode;

use billet_wasi_host::{Server, Sharing};

const USAGE: &str = "billet-wasi-host COMPONENT FOLDER ADDRESS [CONCURRENT TOTAL]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &[String]) -> Result<(), String> {
    let [component, folder, address, sharing @ ..] = arguments else {
        return Err(USAGE.to_owned());
    };
    let sharing = match sharing {
        [] => Sharing::default(),
        [concurrent, total] => Sharing {
            concurrent: concurrent.parse().map_err(|_| USAGE)?,
            total: total.parse().map_err(|_| USAGE)?,
        },
        _ => return Err(USAGE.to_owned()),
    };
    let environment: Vec<(String, String)> = std::env::vars()
        .filter(|(name, _)| name.starts_with("BILLET_"))
        .collect();
    let server = Server::new(
        Path::new(component),
        Path::new(folder),
        &environment,
        sharing,
    )
    .map_err(|error| format!("{component}: {error:#}"))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address.as_str()).await;
        let listener = listener.map_err(|error| format!("{address}: {error}"))?;
        // Whoever started this process waits for this line.
        println!("listening on {address}");
        server
            .run(listener)
            .await
            .map_err(|error| error.to_string())
    })
}

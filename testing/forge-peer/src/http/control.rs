//! The control listener: other processes read counters here and set faults.
//!
//! Must never be needed by what is tested: it is for the test alone.
//!
//! | request | does |
//! |---|---|
//! | `GET /state` | names and addresses of all parties |
//! | `GET /counters`, `DELETE /counters` | the numbers; start from zero |
//! | `GET /faults`, `POST /faults`, `DELETE /faults` | the rules; one more; none |
//! | `GET /blobs` | accepted blobs: node, space, digest, size |
//! | `GET /uploads` | published roots: space, root, shards |
//! | `POST /clock {"offset_s"}` | sets the clocks of all parties ahead of the machine's |
//! | `POST /click {"email"}` | posts the links mailed to an address |
//! | `POST /node {"node", "down"?, "lies"?}` | switches a node |
//! | `POST /copy {"from", "to", "space", "digest"}` | a second node holds a blob, too |

use std::io;

use http::Method;
use serde_json::{Value, json};

use super::{Exchange, Reply, json as answer_json};
use crate::fault::Rule;
use crate::peer;

pub(super) async fn answer(exchange: &mut Exchange) -> io::Result<Reply> {
    let body = exchange.read().await?;
    let value: Value = if body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(&body) {
            Ok(value) => value,
            Err(error) => return Ok(answer_json(400, &json!({"error": error.to_string()}))),
        }
    };
    let path = exchange.request.uri().path().to_owned();
    let method = exchange.request.method().clone();
    let done = match method {
        Method::GET => get(exchange, &path),
        Method::DELETE => delete(exchange, &path),
        Method::POST => post(exchange, &path, value),
        _ => Err("no such method".to_owned()),
    };
    Ok(match done {
        Ok(value) => answer_json(200, &value),
        Err(error) => answer_json(400, &json!({ "error": error })),
    })
}

fn get(exchange: &Exchange, path: &str) -> Result<Value, String> {
    let world = &exchange.world;
    match path {
        "/state" => Ok(peer::state(world)),
        "/counters" => serde_json::to_value(&*world.counters()).map_err(|error| error.to_string()),
        "/faults" => serde_json::to_value(world.faults().list()).map_err(|error| error.to_string()),
        "/blobs" => Ok(peer::blobs(world)),
        "/uploads" => Ok(peer::uploads(world)),
        _ => Err("no such path".into()),
    }
}

fn delete(exchange: &Exchange, path: &str) -> Result<Value, String> {
    let world = &exchange.world;
    match path {
        "/counters" => peer::reset_counters(world),
        "/faults" => world.faults().clear(),
        _ => return Err("no such path".into()),
    }
    Ok(json!({}))
}

fn post(exchange: &Exchange, path: &str, value: Value) -> Result<Value, String> {
    let world = &exchange.world;
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .ok_or(name.to_owned())
    };
    let number = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_i64)
            .ok_or(name.to_owned())
    };
    let node = |name: &str| {
        let index = usize::try_from(number(name)?).map_err(|error| error.to_string())?;
        world.nodes.get(index).ok_or("no such node".to_owned())
    };
    match path {
        "/faults" => {
            let rule: Rule = serde_json::from_value(value).map_err(|error| error.to_string())?;
            let added = world.faults().add(rule);
            added.map_err(|error| error.to_string())?;
        }
        "/clock" => world.set_offset(number("offset_s")?),
        "/click" => return Ok(json!({"links": peer::click(world, text("email")?)?})),
        "/node" => {
            let node = node("node")?;
            if let Some(down) = value.get("down").and_then(Value::as_bool) {
                node.set_down(down);
            }
            if let Some(lies) = value.get("lies").and_then(Value::as_bool) {
                node.set_lies(lies);
            }
        }
        "/copy" => {
            let digest = hex::decode(text("digest")?).map_err(|error| error.to_string())?;
            if !node("to")?.copy_from(node("from")?, text("space")?, &digest) {
                return Err("no such blob".into());
            }
        }
        _ => return Err("no such path".into()),
    }
    Ok(json!({}))
}

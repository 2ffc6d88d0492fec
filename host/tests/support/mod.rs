//! A connection that a test cuts or stalls in the middle of a body.
//!
//! Must never touch a byte that it passes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use billet_client::daemon::{ACCESS_KEY, Daemon, SECRET_KEY};
use billet_client::{Client, Keys};

/// Both connections of a passage: the server's and the client's.
pub type Ends = (TcpStream, TcpStream);

/// Passes one connection on to a server, up to so many bytes of the client's.
pub struct Passage {
    /// Where it listens.
    pub address: SocketAddr,
    reached: Receiver<Ends>,
}

impl Passage {
    /// Listens for one connection, of which `limit` bytes go on.
    pub fn open(server: SocketAddr, limit: usize) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (told, reached) = channel();
        std::thread::spawn(move || {
            let (mut client, _) = socket.accept().unwrap();
            let mut upstream = TcpStream::connect(server).unwrap();
            let mut left = limit;
            let mut buffer = vec![0; 64 << 10];
            while left > 0 {
                let room = left.min(buffer.len());
                let count = client.read(&mut buffer[..room]).unwrap();
                upstream.write_all(&buffer[..count]).unwrap();
                left -= count;
                assert!(count > 0, "the client sends more than the limit");
            }
            told.send((upstream, client.try_clone().unwrap())).unwrap();
            // The client goes on sending until its end is closed.
            let _ = std::io::copy(&mut client, &mut std::io::sink());
        });
        Self { address, reached }
    }

    /// Both ends, when all bytes that may pass have passed.
    pub fn stalled(&self) -> Ends {
        self.reached.recv().unwrap()
    }

    /// Closes the server's end there, and reads what the server still says.
    pub fn cut(&self) -> String {
        let (mut upstream, client) = self.stalled();
        upstream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        // A reset is an answer, too.
        let _ = upstream.read_to_string(&mut answer);
        // The client may go on sending, but gets no answer. It may be gone already.
        let _ = client.shutdown(Shutdown::Write);
        answer
    }

    /// A client that goes through it.
    pub fn client(&self) -> Client {
        client_of(self.address)
    }
}

/// A client of any address, with the key pair of every daemon.
pub fn client_of(address: SocketAddr) -> Client {
    let (access, secret) = (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned());
    Client::new(
        address,
        Keys {
            access,
            secret,
            region: "us-east-1".to_owned(),
        },
    )
}

/// The value of a metric without labels.
pub fn metric(daemon: &Daemon, name: &str) -> u64 {
    let answer = daemon.ask_admin("/metrics").unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{answer}"))
        .parse()
        .unwrap()
}

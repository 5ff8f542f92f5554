//! Bytes as they are on a socket, for what no HTTP client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::PATIENCE;

/// For what takes as long as its bytes take.
const LONG_PATIENCE: Duration = Duration::from_secs(20 * 60);

/// Sends `bytes` and returns all that comes back until the node closes: for requests that ask it to.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    talk(address, bytes, false, PATIENCE).await
}

/// [`exchange`] for a request that may take minutes.
pub async fn exchange_slowly(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    talk(address, bytes, false, LONG_PATIENCE).await
}

/// Sends `bytes`, ends the sending side, as a client does that has died half-way, and returns all that
/// comes back until the node closes.
pub async fn hang_up_after(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    talk(address, bytes, true, PATIENCE).await
}

async fn talk(address: SocketAddr, bytes: &[u8], hang_up: bool, patience: Duration) -> Vec<u8> {
    let talk = async {
        let mut answer = Vec::new();
        let Ok(mut stream) = TcpStream::connect(address).await else { return answer };
        // The node may close before it has read all of it: that is an answer too.
        if stream.write_all(bytes).await.is_ok() && hang_up {
            stream.shutdown().await.ok();
        }
        stream.read_to_end(&mut answer).await.ok();
        answer
    };
    match tokio::time::timeout(patience, talk).await {
        Ok(answer) => answer,
        Err(_) => panic!("the node neither answered nor closed within {patience:?}"),
    }
}

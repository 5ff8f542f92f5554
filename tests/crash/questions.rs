//! All cities are asked about: what views and selectors answer is compared with what is worked out here
//! from the same cities.

mod reductions;
mod rows;
mod selectors;

use refuge_tests::{Client, Node, Options, cities, eventually};
use serde_json::{Value, json};

use crate::load;

/// The design document of the views.
const DESIGN: &str = "/cities/_design/world";

/// One city.
#[derive(Clone)]
struct City {
    id: String,
    name: String,
    /// Country, kind of place, district: what is grouped by. ASCII capitals and digits, so that bytes
    /// have the order of the view's keys.
    place: [String; 3],
    population: u64,
    /// All of it, as it was written.
    document: Value,
}

impl City {
    fn read(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).expect("a city");
        let text = |name: &str| document[name].as_str().expect("text").to_owned();
        Self {
            id: text("_id"),
            name: text("name"),
            place: ["country", "featureCode", "adminCode"].map(text),
            population: document["population"].as_u64().expect("a number"),
            document,
        }
    }

    fn country(&self) -> &str {
        let [country, ..] = &self.place;
        country
    }
}

/// The cities as they are in the database, in the order of their ids.
struct World {
    client: Client,
    cities: Vec<City>,
}

impl World {
    /// Asks one of the views.
    async fn view(&self, name: &str, query: &str) -> Value {
        self.client.get(&format!("{DESIGN}/_view/{name}?{query}")).await.expect(200).json()
    }

    /// Asks one of the views with parameters in a body.
    async fn view_of(&self, name: &str, parameters: Value) -> Value {
        self.client.post(&format!("{DESIGN}/_view/{name}"), parameters).await.expect(200).json()
    }

    async fn put_views(&self) {
        let place = "[doc.country, doc.featureCode, doc.adminCode]";
        let map = |key: &str, value: &str| {
            format!("function (doc) {{ if (doc.country) emit({key}, {value}); }}")
        };
        let views = json!({
            "counted": {"map": map(place, "doc.population"), "reduce": "_count"},
            "people": {"map": map(place, "doc.population"), "reduce": "_stats"},
            "largest": {"map": map("doc.country", "doc.population"), "reduce": "_top_5"},
            "by_population": {"map": map("doc.population", "doc.name")},
            "by_name": {"map": map("doc.name", "null")},
        });
        self.client.put(DESIGN, json!({"views": views})).await.expect(201);
        // A busy machine may need minutes for it: it is waited for as long as it goes on.
        let all = self.cities.iter().filter(|city| !city.country().is_empty()).count() as u64;
        let path = format!("{DESIGN}/_view/by_name?limit=0&update=lazy");
        let mut built = 0;
        while built < all {
            let known = built;
            built = eventually(&format!("more than {known} of {all} are in the index"), || async {
                let rows = self.client.get(&path).await.expect(200).json()["total_rows"].as_u64();
                rows.filter(|rows| *rows > known)
            })
            .await;
        }
    }

    /// Cities grow, move into another country, and leave.
    async fn change(&mut self) {
        let mut written = Vec::new();
        for (number, city) in self.cities.iter_mut().enumerate() {
            let gone = city.country() == "LI";
            if !gone && number % 97 != 0 {
                continue;
            }
            city.population += 1_000;
            city.document["population"] = json!(city.population);
            if city.country() == "AT" {
                let [country, ..] = &mut city.place;
                *country = "HU".to_owned();
                city.document["country"] = json!("HU");
            }
            let mut document = city.document.clone();
            let path = format!("/cities/{}", city.id);
            document["_rev"] = json!(self.client.get(&path).await.expect(200).member("_rev"));
            document["_deleted"] = json!(gone);
            written.push(document);
        }
        assert!(written.len() > 1_000, "{}", written.len());
        for bulk in written.chunks(1_000) {
            let told = self.client.post("/cities/_bulk_docs", json!({"docs": bulk})).await;
            let told = told.expect(201).json();
            assert!(told.as_array().expect("rows").iter().all(|row| row["ok"] == true), "{told}");
        }
        self.cities.retain(|city| city.country() != "LI");
    }
}

/// The rows of an answer.
fn rows(answer: &Value) -> &[Value] {
    answer["rows"].as_array().expect("rows")
}

/// JSON as it stands in a URL.
fn url(value: &Value) -> String {
    value.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_the_cities_are_asked_about() {
    let texts = cities().await;
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/cities").await.expect(201);
    assert_eq!(load(node.address(), "cities", &texts, || ()).await.len(), texts.len());
    let cities = texts.iter().map(|text| City::read(text)).collect();
    let mut world = World { client, cities };
    world.put_views().await;
    reductions::check(&world).await;
    rows::check(&world).await;
    selectors::check(&world).await;
    // The indexes follow.
    world.change().await;
    reductions::check(&world).await;
    rows::check(&world).await;
    selectors::check_indexed(&world).await;
}

//! Cities by selectors: what each finds without an index and with several, in an order, and in pages.

use serde_json::{Value, json};

use super::{City, World};

/// More than there are cities.
const ALL: u64 = 200_000;

/// A selector, and what it means.
type Meaning = (Value, fn(&City) -> bool);

fn latitude(city: &City) -> f64 {
    city.document["lat"].as_f64().expect("a number")
}

fn has(city: &City, member: &str) -> bool {
    city.document.get(member).is_some()
}

fn meanings() -> Vec<Meaning> {
    vec![
        (json!({"name": "Springfield"}), |city| city.name == "Springfield"),
        (json!({"population": {"$gte": 5_000_000}}), |city| city.population >= 5_000_000),
        (json!({"country": {"$in": ["MC", "SM", "VA", "AT"]}}), |city| {
            ["MC", "SM", "VA", "AT"].contains(&city.country())
        }),
        (json!({"country": "FR", "population": {"$gt": 100_000, "$lt": 300_000}}), |city| {
            city.country() == "FR" && city.population > 100_000 && city.population < 300_000
        }),
        (json!({"$or": [{"country": "IS"}, {"lat": {"$gt": 70}}]}), |city| {
            city.country() == "IS" || latitude(city) > 70.0
        }),
        (
            json!({"$and": [{"lat": {"$gte": -1}}, {"lat": {"$lte": 1.5}}, {"population": {"$ne": 0}}]}),
            |city| (-1.0..=1.5).contains(&latitude(city)) && city.population != 0,
        ),
        (json!({"$nor": [{"population": {"$lt": 1_000_000}}, {"country": "CN"}]}), |city| {
            city.population >= 1_000_000 && city.country() != "CN"
        }),
        (json!({"$not": {"featureCode": {"$regex": "^PPL[^X]*$"}}, "country": "DE"}), |city| {
            city.place[1].contains('X') && city.country() == "DE"
        }),
        (json!({"name": {"$regex": "^San .*o$"}}), |city| {
            city.name.starts_with("San ") && city.name.ends_with('o')
        }),
        (json!({"name": {"$beginsWith": "Saint-"}}), |city| city.name.starts_with("Saint-")),
        (json!({"muni": {"$exists": true}, "population": {"$mod": [1_000, 7]}}), |city| {
            has(city, "muni") && city.population % 1_000 == 7
        }),
        (json!({"altCountry": {"$type": "string"}}), |city| has(city, "altCountry")),
        (json!({"country": "AD", "adminCode": {"$nin": ["02", "06"]}}), |city| {
            city.country() == "AD" && !["02", "06"].contains(&city.place[2].as_str())
        }),
    ]
}

/// Without an index, then with them.
pub(super) async fn check(world: &World) {
    check_meanings(world).await;
    for fields in [json!(["country", "population"]), json!(["population"]), json!(["name"])] {
        let told = world.client.post("/cities/_index", json!({"index": {"fields": fields}})).await;
        assert_eq!(told.expect(200).json()["result"], "created");
    }
    check_indexed(world).await;
}

/// With the indexes that [`check`] made.
pub(super) async fn check_indexed(world: &World) {
    check_meanings(world).await;
    check_orders(world).await;
    check_pages(world).await;
}

async fn find(world: &World, question: Value) -> Value {
    world.client.post("/cities/_find", question).await.expect(200).json()
}

fn ids(answer: &Value) -> Vec<String> {
    let documents = answer["docs"].as_array().expect("docs").iter();
    documents.map(|document| document["_id"].as_str().expect("an id").to_owned()).collect()
}

async fn check_meanings(world: &World) {
    for (selector, holds) in meanings() {
        let question = json!({"selector": selector, "fields": ["_id"], "limit": ALL});
        let mut found = ids(&find(world, question).await);
        found.sort();
        let expected: Vec<_> =
            world.cities.iter().filter(|city| holds(city)).map(|city| city.id.clone()).collect();
        assert_eq!(found, expected, "{selector}");
    }
}

/// The cities of a country by population.
fn by_population<'a>(world: &'a World, country: &str) -> Vec<&'a City> {
    let mut cities: Vec<_> = world.cities.iter().filter(|city| city.country() == country).collect();
    cities.sort_by_key(|city| (city.population, &city.id));
    cities
}

async fn check_orders(world: &World) {
    let mut largest: Vec<_> = world.cities.iter().collect();
    largest.sort_by_key(|city| std::cmp::Reverse((city.population, &city.id)));
    let question = json!({
        "selector": {"population": {"$gt": 0}},
        "sort": [{"population": "desc"}],
        "limit": 50,
    });
    let mut answer = find(world, question).await;
    for document in answer["docs"].as_array_mut().expect("docs") {
        document.as_object_mut().expect("a document").remove("_rev");
    }
    let expected: Vec<_> = largest.iter().take(50).map(|city| city.document.clone()).collect();
    assert_eq!(answer["docs"], json!(expected));

    let question = json!({
        "selector": {"country": "DE", "population": {"$gte": 100_000}},
        "sort": ["country", "population"],
        "fields": ["_id"],
        "skip": 3,
        "limit": ALL,
    });
    let german = by_population(world, "DE");
    let expected = german.iter().filter(|city| city.population >= 100_000).skip(3);
    let expected: Vec<_> = expected.map(|city| city.id.clone()).collect();
    assert_eq!(ids(&find(world, question).await), expected);
}

/// Pages by bookmarks hold each city once, in the index's order.
async fn check_pages(world: &World) {
    let mut question = json!({
        "selector": {"country": "FR"},
        "sort": ["country", "population"],
        "fields": ["_id"],
        "limit": 1_000,
    });
    let mut found = Vec::new();
    loop {
        let answer = find(world, question.clone()).await;
        let page = ids(&answer);
        if page.is_empty() {
            break;
        }
        found.extend(page);
        question["bookmark"] = answer["bookmark"].clone();
    }
    let expected: Vec<_> = by_population(world, "FR").iter().map(|city| city.id.clone()).collect();
    assert_eq!(found, expected);
}

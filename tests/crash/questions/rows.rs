//! Cities by population and by name: the largest, ranges, pages, and listed keys.

use serde_json::{Value, json};

use super::{City, World, rows, url};

pub(super) async fn check(world: &World) {
    let mut ordered: Vec<&City> = world.cities.iter().collect();
    ordered.sort_by_key(|city| (city.population, &city.id));
    check_largest(world, &ordered).await;
    check_ranges(world, &ordered).await;
    check_pages(world, &ordered).await;
    check_names(world).await;
}

fn told<'a>(cities: impl IntoIterator<Item = &'a &'a City>) -> Vec<Value> {
    let row = |city: &&City| json!({"id": city.id, "key": city.population, "value": city.name});
    cities.into_iter().map(row).collect()
}

async fn check_largest(world: &World, ordered: &[&City]) {
    for (skip, limit) in [(0, 1), (0, 100), (7, 20)] {
        let query = format!("descending=true&limit={limit}&skip={skip}");
        let answer = world.view("by_population", &query).await;
        assert_eq!(rows(&answer), told(ordered.iter().rev().skip(skip).take(limit)), "{query}");
        assert_eq!(answer["total_rows"], ordered.len());
        assert_eq!(answer["offset"], skip);
    }
}

async fn check_ranges(world: &World, ordered: &[&City]) {
    for (low, high) in [(0, 0), (999, 1_001), (500_000, 1_000_000), (5_000_000, u64::MAX >> 12)] {
        let first = ordered.partition_point(|city| city.population < low);
        let end = ordered.partition_point(|city| city.population < high);
        let behind = ordered.partition_point(|city| city.population <= high);
        let query = format!("startkey={low}&endkey={high}");
        let answer = world.view("by_population", &query).await;
        assert_eq!(rows(&answer), told(&ordered[first..behind]), "{query}");
        assert_eq!(answer["offset"], first, "{query}");
        let query = format!("{query}&inclusive_end=false");
        let answer = world.view("by_population", &query).await;
        assert_eq!(rows(&answer), told(&ordered[first..end]), "{query}");
        let query = format!("startkey={high}&endkey={low}&descending=true");
        let answer = world.view("by_population", &query).await;
        assert_eq!(rows(&answer), told(ordered[first..behind].iter().rev()), "{query}");
        assert_eq!(answer["offset"], ordered.len() - behind, "{query}");
    }
}

/// Page after page of all that have somebody living there, each from where the one before ended.
async fn check_pages(world: &World, ordered: &[&City]) {
    const PAGE: usize = 20_000;
    let inhabited = ordered.partition_point(|city| city.population == 0);
    let mut found = Vec::new();
    let mut query = "startkey=1".to_owned();
    loop {
        let answer = world.view("by_population", &format!("{query}&limit={}", PAGE + 1)).await;
        let page = rows(&answer);
        found.extend_from_slice(&page[..page.len().min(PAGE)]);
        let Some(next) = page.get(PAGE) else { break };
        let id = next["id"].as_str().expect("an id");
        query = format!("startkey={}&startkey_docid={id}", next["key"]);
    }
    let expected = told(&ordered[inhabited..]);
    let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert_eq!(differs, None);
    assert_eq!(found.len(), expected.len());
}

async fn check_names(world: &World) {
    let named = |name: &'static str| world.cities.iter().filter(move |city| city.name == name);
    let names = ["Paris", "Springfield", "no such city", "São Paulo", "London", "Paris"];
    let answer = world.view_of("by_name", json!({"keys": names, "include_docs": true})).await;
    let found: Vec<_> = rows(&answer)
        .iter()
        .map(|row| {
            let mut document = row["doc"].clone();
            document.as_object_mut().expect("a document").remove("_rev");
            (row["key"].clone(), document)
        })
        .collect();
    let expected: Vec<_> = names
        .into_iter()
        .flat_map(|name| named(name).map(move |city| (json!(name), city.document.clone())))
        .collect();
    assert!(expected.len() > 30, "{}", expected.len());
    assert_eq!(found, expected);
    let query = format!("key={}", url(&json!("Zürich")));
    let ids: Vec<_> = named("Zürich").map(|city| json!(city.id)).collect();
    let answer = world.view("by_name", &query).await;
    assert_eq!(rows(&answer).iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), ids);
}

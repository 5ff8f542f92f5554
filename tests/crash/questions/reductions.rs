//! Cities by country, kind and district: counts and statistics, of all, of groups and of ranges.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{City, World, rows, url};

/// Ranges that are asked for at random.
const RANGES: usize = 40;

pub(super) async fn check(world: &World) {
    check_levels(world).await;
    check_ranges(world).await;
    check_keys(world).await;
    check_largest(world).await;
}

/// Groups in the order of their keys, each with its cities' populations.
fn grouped<'a>(
    cities: impl Iterator<Item = &'a City>,
    level: usize,
) -> BTreeMap<Vec<&'a str>, Vec<u64>> {
    let mut groups = BTreeMap::<_, Vec<u64>>::new();
    for city in cities {
        let key = city.place.iter().take(level).map(String::as_str).collect();
        groups.entry(key).or_default().push(city.population);
    }
    groups
}

/// The rows that are to be told of groups; one without a key where all is one group.
fn told(groups: &BTreeMap<Vec<&str>, Vec<u64>>, value: fn(&[u64]) -> Value) -> Vec<Value> {
    let key = |key: &[&str]| if key.is_empty() { Value::Null } else { json!(key) };
    groups
        .iter()
        .map(|(group, cities)| json!({"key": key(group), "value": value(cities)}))
        .collect()
}

fn count(populations: &[u64]) -> Value {
    json!(populations.len())
}

/// All of these are whole numbers that doubles hold exactly.
fn statistics(populations: &[u64]) -> Value {
    json!({
        "sum": populations.iter().sum::<u64>(),
        "count": populations.len(),
        "min": populations.iter().min(),
        "max": populations.iter().max(),
        "sumsqr": populations.iter().map(|one| one * one).sum::<u64>(),
    })
}

async fn check_levels(world: &World) {
    for (level, parameters) in
        [(0, "group=false"), (1, "group_level=1"), (2, "group_level=2"), (3, "group=true")]
    {
        let groups = grouped(world.cities.iter(), level);
        for (view, value) in [("counted", count as fn(&[u64]) -> Value), ("people", statistics)] {
            let answer = world.view(view, parameters).await;
            assert_same(&answer, &told(&groups, value), &format!("{view}?{parameters}"));
        }
    }
}

/// From any place to any other, both ways, with the end and without it.
async fn check_ranges(world: &World) {
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("ranges of cities"));
    for _ in 0..RANGES {
        let mut any = || &world.cities[random.random_range(0..world.cities.len())].place;
        let (one, other) = (any(), any());
        let (low, high) = if one < other { (one, other) } else { (other, one) };
        let (inclusive, descending) = (random.random(), random.random());
        let (start, end) = if descending { (high, low) } else { (low, high) };
        let inside = |city: &&City| {
            let place = &city.place;
            (low..=high).contains(&place) && (inclusive || place != end)
        };
        let level = random.random_range(0..=3);
        let mut expected = told(&grouped(world.cities.iter().filter(inside), level), statistics);
        if descending {
            expected.reverse();
        }
        let query = format!(
            "startkey={}&endkey={}&inclusive_end={inclusive}&descending={descending}&group_level={level}",
            url(&json!(start)),
            url(&json!(end)),
        );
        let told = format!("{start:?} to {end:?}, {query}");
        assert_same(&world.view("people", &query).await, &expected, &told);
    }
    // All of the countries from Germany to France.
    let inside = |city: &&City| ("DE"..="FR").contains(&city.country());
    let expected = told(&grouped(world.cities.iter().filter(inside), 1), count);
    let query = format!(
        "startkey={}&endkey={}&group_level=1",
        url(&json!(["DE"])),
        url(&json!(["FR", {}]))
    );
    assert_same(&world.view("counted", &query).await, &expected, "DE to FR");
}

async fn check_keys(world: &World) {
    let groups = grouped(world.cities.iter(), 3);
    let keys: Vec<_> = groups.keys().rev().step_by(50).cloned().collect();
    let expected: Vec<_> =
        keys.iter().map(|key| json!({"key": key, "value": count(&groups[key])})).collect();
    let asked = json!({"keys": keys, "group": true});
    assert_same(&world.view_of("counted", asked).await, &expected, "districts by their keys");
}

async fn check_largest(world: &World) {
    let groups = grouped(world.cities.iter(), 1);
    let expected: Vec<_> = groups
        .iter()
        .map(|(country, populations)| {
            let mut largest = populations.clone();
            largest.sort_by(|one, other| other.cmp(one));
            largest.truncate(5);
            json!({"key": country[0], "value": largest})
        })
        .collect();
    assert_same(&world.view("largest", "group=true").await, &expected, "the largest of a country");
}

fn assert_same(answer: &Value, expected: &[Value], asked: &str) {
    let found = rows(answer);
    let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
    assert_eq!(differs, None, "{asked}");
    assert_eq!(found.len(), expected.len(), "{asked}");
}

//! What a path names below `/{db}/_partition`.

use std::borrow::Cow;

use super::{Part, find_part};

/// The part that the rest of a path names, or the endpoint that is not built.
pub(super) fn find<'a>(rest: &[Cow<'a, str>]) -> Result<Part<'a>, Cow<'a, str>> {
    let Some((name, below)) = rest.split_first() else { return Ok(Part::Partitions) };
    let name = name.clone();
    let part = match below {
        [] => return Ok(Part::Partition { name }),
        [what, ..] if is_asked_of_partitions(what) => {
            Some(find_part(Vec::from(below).into_iter())?)
        }
        [design, _, function, ..] if design == "_design" && function.starts_with('_') => {
            function_of(below)?
        }
        [design, function, ..] if design.starts_with("_design/") && function.starts_with('_') => {
            function_of(below)?
        }
        _ => None,
    };
    Ok(Part::InPartition { name, part: part.map(Box::new) })
}

/// What a path names of a design document, where that is no attachment.
fn function_of<'a>(below: &[Cow<'a, str>]) -> Result<Option<Part<'a>>, Cow<'a, str>> {
    let part = find_part(Vec::from(below).into_iter())?;
    Ok(matches!(part, Part::Design { .. }).then_some(part))
}

fn is_asked_of_partitions(what: &str) -> bool {
    matches!(what, "_all_docs" | "_find" | "_explain" | "_index")
}

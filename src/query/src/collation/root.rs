//! ICU's root collation, without the data of the languages' own orders, which nobody asks for here and which
//! would be a megabyte of the program.

use std::sync::OnceLock;

use icu_collator::options::CollatorOptions;
use icu_collator::provider::{
    Baked, CollationDiacriticsV1, CollationJamoV1, CollationMetadataV1, CollationReorderingV1,
    CollationRootV1, CollationSpecialPrimariesV1, CollationTailoringV1,
};
use icu_collator::{Collator, CollatorBorrowed};
use icu_normalizer::provider::{
    Baked as Normalization, NormalizerNfdDataV1, NormalizerNfdTablesV1,
};
use icu_provider::{DataError, DataErrorKind, DataMarker, DataProvider, DataRequest, DataResponse};

use super::NoCollation;

/// The data that is part of the crates, but for what the root collation has none of.
struct RootData;

impl DataProvider<CollationTailoringV1> for RootData {
    fn load(
        &self,
        request: DataRequest<'_>,
    ) -> Result<DataResponse<CollationTailoringV1>, DataError> {
        let found_nothing = DataErrorKind::IdentifierNotFound;
        Err(found_nothing.with_req(CollationTailoringV1::INFO, request))
    }
}

macro_rules! as_in {
    ($data:expr; $($marker:ty),* $(,)?) => {$(
        impl DataProvider<$marker> for RootData {
            fn load(&self, request: DataRequest<'_>) -> Result<DataResponse<$marker>, DataError> {
                DataProvider::<$marker>::load(&$data, request)
            }
        }
    )*};
}

as_in!(Baked; CollationDiacriticsV1, CollationJamoV1, CollationMetadataV1, CollationReorderingV1,
    CollationRootV1, CollationSpecialPrimariesV1);
as_in!(Normalization; NormalizerNfdDataV1, NormalizerNfdTablesV1);

/// ICU's root collation, as CouchDB has it.
pub(crate) fn root_collator() -> Result<CollatorBorrowed<'static>, NoCollation> {
    static ROOT: OnceLock<Option<Collator>> = OnceLock::new();
    let made = ROOT.get_or_init(|| {
        Collator::try_new_unstable(&RootData, Default::default(), CollatorOptions::default()).ok()
    });
    made.as_ref().map(Collator::as_borrowed).ok_or(NoCollation)
}

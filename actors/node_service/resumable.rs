//! Uploads that may be resumed, as HTTP sees them: what is known of one is read from the storage, what
//! changes goes to the writer. Taking the bytes of a part is in `part`.

mod part;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_config::Attachments;
use refuge_http::{
    Failure, NewResumableUpload, PartUpload, ResumableUploadBegun, ResumableUploadPart,
    ResumableUploadState, ResumableUploads,
};
use refuge_otp::Names;
use refuge_storage::{
    DatabaseId, Operation, Outcome, ResumableUpload, UploadBound, UploadBounds, UploadStep,
    UploadWrite,
};

use super::database::OpenDatabase;
use super::reading::Reading;
use crate::configuration::CurrentSettings;
use crate::engine::StorageDoors;
use crate::{names, unavailable};

/// Bytes of a chunk: the last one is written anew with each part, so it is smaller than an attachment's.
const CHUNK_BYTES: u32 = 64 * 1024;

/// One upload of one database.
#[derive(Clone)]
struct Place {
    names: Names,
    database: DatabaseId,
    upload: [u8; 16],
}

impl Place {
    /// What the settings in force say of uploads.
    fn settings(&self) -> Attachments {
        let current = self.names.value::<CurrentSettings>(names::CONFIGURATION);
        current.map_or_else(Attachments::default, |now| now.settings.attachments.clone())
    }

    /// When an upload is given up of which something came just now, in milliseconds since 1970.
    fn expires_unix_ms(&self) -> u64 {
        let rest_ms = self.settings().upload_seconds.saturating_mul(1_000);
        crate::now_ms().saturating_add(rest_ms)
    }

    /// Has one step committed; what it answers but for refusals.
    async fn step(&self, step: UploadStep) -> Result<Outcome, Failure> {
        let settings = self.settings();
        let write = UploadWrite {
            database: self.database,
            upload: self.upload,
            bounds: bounds(&settings),
            step,
        };
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        match doors.writer.commit(Operation::Upload(write)).await? {
            Outcome::NoSuchDatabase => Err(Failure::NoDatabase),
            Outcome::NoSuchUpload => Err(missing()),
            Outcome::UploadHeld => Err(Failure::Locked(
                "another request writes to this upload: ask for its offset and try again"
                    .to_owned(),
            )),
            Outcome::UploadBeyond(bound) => Err(beyond(bound, &settings)),
            outcome => Ok(outcome),
        }
    }
}

fn bounds(settings: &Attachments) -> UploadBounds {
    UploadBounds {
        uploads_of_owner: settings.max_uploads_per_user,
        uploads: settings.max_uploads,
        bytes_of_owner: settings.max_upload_bytes_per_user,
        bytes: settings.max_upload_bytes,
    }
}

fn missing() -> Failure {
    Failure::NotFound("there is no such upload (any more): it was given up or expired".to_owned())
}

/// What is said of an upload that is one too many.
fn beyond(bound: UploadBound, settings: &Attachments) -> Failure {
    let (whose, most) = match bound {
        UploadBound::UploadsOfOwner => ("one user's", settings.max_uploads_per_user),
        UploadBound::Uploads => ("all", settings.max_uploads),
        UploadBound::BytesOfOwner | UploadBound::Bytes => {
            let (whose, most) = match bound {
                UploadBound::BytesOfOwner => ("one user's", settings.max_upload_bytes_per_user),
                _ => ("all", settings.max_upload_bytes),
            };
            let reason = format!(
                "{whose} unfinished uploads to a database have at most {most} bytes together; finish or \
                 delete one, or wait until one expires"
            );
            return Failure::TooLarge { error: "uploads_too_large", reason };
        }
    };
    Failure::TooMany {
        error: "too_many_uploads",
        reason: format!(
            "{whose} unfinished uploads to a database are at most {most}; finish or delete one, or wait \
             until one expires"
        ),
        retry_after: None,
    }
}

/// What is told of an upload.
fn told(record: ResumableUpload) -> ResumableUploadState {
    let ResumableUpload { owner, expires_unix_ms, received, length, metadata, .. } = record;
    ResumableUploadState { owner, received, length, metadata, expires_unix_ms }
}

impl OpenDatabase {
    /// Where an upload stands; `None` for what is no id of one.
    fn place(&self, id: &str) -> Option<Place> {
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let upload = is_id.then(|| u128::from_str_radix(id, 16).ok()).flatten()?.to_be_bytes();
        Some(Place { names: self.names.clone(), database: self.id(), upload })
    }

    /// What is known of an upload that has not expired.
    async fn record(&self, place: &Place) -> Result<Option<ResumableUpload>, Failure> {
        let (database, upload) = (place.database, place.upload);
        let record = self
            .read(Reading::Point, move |snapshot| snapshot.resumable_upload(database, &upload))
            .await?;
        let now = crate::now_ms();
        Ok(record.filter(|record| now < record.expires_unix_ms))
    }
}

#[async_trait]
impl ResumableUploads for OpenDatabase {
    async fn begin(&self, new: NewResumableUpload) -> Result<ResumableUploadBegun, Failure> {
        let place =
            Place { names: self.names.clone(), database: self.id(), upload: rand::random() };
        let expires_unix_ms = place.expires_unix_ms();
        let record = ResumableUpload {
            owner: new.owner,
            expires_unix_ms,
            chunk_bytes: CHUNK_BYTES,
            received: 0,
            length: new.length,
            metadata: new.metadata,
        };
        place.step(UploadStep::Begin(record)).await?;
        Ok(ResumableUploadBegun { id: crate::hexadecimal(&place.upload), expires_unix_ms })
    }

    async fn known(&self, id: &str) -> Result<Option<ResumableUploadState>, Failure> {
        let Some(place) = self.place(id) else { return Ok(None) };
        Ok(self.record(&place).await?.map(told))
    }

    async fn go_on(
        &self,
        id: &str,
        part: ResumableUploadPart,
    ) -> Result<Box<dyn PartUpload>, Failure> {
        let place = self.place(id).ok_or_else(missing)?;
        Ok(Box::new(part::open(place, part).await?))
    }

    async fn bytes(&self, id: &str, offset: u64) -> Result<Option<Bytes>, Failure> {
        let Some(place) = self.place(id) else { return Ok(None) };
        let Some(record) = self.record(&place).await? else { return Ok(None) };
        let (database, upload) = (place.database, place.upload);
        let chunk_bytes = u64::from(record.chunk_bytes);
        let number = u32::try_from(offset / chunk_bytes).unwrap_or(u32::MAX);
        let chunk = self
            .read(Reading::Scan, move |snapshot| snapshot.chunk(database, &upload, number))
            .await?;
        let Some(mut chunk) = chunk else { return Ok(None) };
        // It may hold more than counts.
        let begin = u64::from(number) * chunk_bytes;
        let counted = record.received.saturating_sub(begin).min(chunk.len() as u64);
        let from = (offset - begin).min(counted);
        chunk.truncate(counted as usize);
        Ok(Some(chunk.slice(from as usize..)))
    }

    async fn end(&self, id: &str) -> Result<(), Failure> {
        let place = self.place(id).ok_or_else(missing)?;
        place.step(UploadStep::End).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_bound_it_is_and_what_to_do_is_told() {
        let settings = Attachments {
            max_uploads_per_user: 1,
            max_uploads: 2,
            max_upload_bytes_per_user: 3,
            max_upload_bytes: 4,
            ..Attachments::default()
        };
        let to_do = "finish or delete one, or wait until one expires";
        for (bound, status, told) in [
            (
                UploadBound::UploadsOfOwner,
                429,
                "one user's unfinished uploads to a database are at most 1",
            ),
            (UploadBound::Uploads, 429, "all unfinished uploads to a database are at most 2"),
            (
                UploadBound::BytesOfOwner,
                413,
                "one user's unfinished uploads to a database have at most 3 bytes together",
            ),
            (
                UploadBound::Bytes,
                413,
                "all unfinished uploads to a database have at most 4 bytes together",
            ),
        ] {
            let failure = beyond(bound, &settings);
            assert_eq!(failure.status().0, status, "{failure}");
            assert_eq!(failure.to_string(), format!("{told}; {to_do}"));
        }
    }
}

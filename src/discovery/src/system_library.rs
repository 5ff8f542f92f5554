//! The functions of the system's DNS-SD library, found when they are first called. A program that is linked
//! to the library does not start where it is not installed, which is on most machines.
//!
//! The other place beside the allocator that calls C by itself: `async-dnssd` names these functions, and this file
//! gives them, and `replies` those that tell something later.
//! Where there is no library each says that the service does not run.
#![allow(unsafe_code)]

mod replies;

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

use libloading::Library;

/// Avahi's library and Apple's own for Linux go by this name.
const NAME: &str = "libdns_sd.so.1";
/// `kDNSServiceErr_ServiceNotRunning`.
const NOT_RUNNING: i32 = -65_563;

/// Opened at most once, and never closed: the library runs threads.
fn library() -> Option<&'static Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    // SAFETY: what it runs when it is opened sets up the library itself, and it is the system's own.
    let open = || unsafe { Library::new(NAME) }.ok();
    LIBRARY.get_or_init(open).as_ref()
}

macro_rules! functions {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty, else $absent:expr;)*) => {$(
        #[unsafe(no_mangle)]
        #[allow(non_snake_case, clippy::too_many_arguments)] // C's names, as many as C has
        extern "C" fn $name($($argument: $kind),*) -> $result {
            type Function = unsafe extern "C" fn($($kind),*) -> $result;
            // SAFETY: the type is that of the function in the library's header.
            let function = |library: &'static Library| unsafe {
                library.get::<Function>(concat!(stringify!($name), "\0").as_bytes()).ok()
            };
            match library().and_then(function) {
                // SAFETY: what was passed is passed on, under the same promises.
                Some(function) => unsafe { function($($argument),*) },
                None => $absent,
            }
        }
    )*};
}

/// A service, a record, and a function that is called back: of no concern here.
type Opaque = *mut c_void;
type Text = *const c_char;
type Bytes = *const u8;

functions! {
    DNSServiceRefSockFD(service: Opaque) -> c_int, else -1;
    DNSServiceProcessResult(service: Opaque) -> i32, else NOT_RUNNING;
    DNSServiceEnumerateDomains(
        service: *mut Opaque, flags: u32, interface: u32, callback: Opaque, context: Opaque
    ) -> i32, else NOT_RUNNING;
    DNSServiceAddRecord(
        service: Opaque, record: *mut Opaque, flags: u32, kind: u16, length: u16, data: Bytes,
        seconds: u32
    ) -> i32, else NOT_RUNNING;
    DNSServiceUpdateRecord(
        service: Opaque, record: Opaque, flags: u32, length: u16, data: Bytes, seconds: u32
    ) -> i32, else NOT_RUNNING;
    DNSServiceRemoveRecord(service: Opaque, record: Opaque, flags: u32) -> i32, else NOT_RUNNING;
    DNSServiceCreateConnection(service: *mut Opaque) -> i32, else NOT_RUNNING;
    DNSServiceRegisterRecord(
        service: Opaque, record: *mut Opaque, flags: u32, interface: u32, name: Text, kind: u16,
        class: u16, length: u16, data: Bytes, seconds: u32, callback: Opaque, context: Opaque
    ) -> i32, else NOT_RUNNING;
    DNSServiceReconfirmRecord(
        flags: u32, interface: u32, name: Text, kind: u16, class: u16, length: u16, data: Bytes
    ) -> i32, else NOT_RUNNING;
    DNSServiceConstructFullName(
        full: *mut c_char, service: Text, kind: Text, domain: Text
    ) -> c_int, else -1;
}

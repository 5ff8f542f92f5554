//! The functions of the system's DNS-SD library, found when they are first called. A program that is linked
//! to the library does not start where it is not installed, which is on most machines.
//!
//! The other place beside the allocator that calls C by itself: `async-dnssd` names these functions, and this file gives them.
//! Where there is no library each says that the service does not run.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

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
    DNSServiceRefDeallocate(service: Opaque) -> (), else ();
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
    DNSServiceBrowse(
        service: *mut Opaque, flags: u32, interface: u32, kind: Text, domain: Text,
        callback: Opaque, context: Opaque
    ) -> i32, else NOT_RUNNING;
    DNSServiceResolve(
        service: *mut Opaque, flags: u32, interface: u32, name: Text, kind: Text, domain: Text,
        callback: Opaque, context: Opaque
    ) -> i32, else NOT_RUNNING;
    DNSServiceCreateConnection(service: *mut Opaque) -> i32, else NOT_RUNNING;
    DNSServiceRegisterRecord(
        service: Opaque, record: *mut Opaque, flags: u32, interface: u32, name: Text, kind: u16,
        class: u16, length: u16, data: Bytes, seconds: u32, callback: Opaque, context: Opaque
    ) -> i32, else NOT_RUNNING;
    DNSServiceQueryRecord(
        service: *mut Opaque, flags: u32, interface: u32, name: Text, kind: u16, class: u16,
        callback: Opaque, context: Opaque
    ) -> i32, else NOT_RUNNING;
    DNSServiceReconfirmRecord(
        flags: u32, interface: u32, name: Text, kind: u16, class: u16, length: u16, data: Bytes
    ) -> i32, else NOT_RUNNING;
    DNSServiceConstructFullName(
        full: *mut c_char, service: Text, kind: Text, domain: Text
    ) -> c_int, else -1;
}

type Reply = unsafe extern "C" fn(Opaque, u32, i32, Text, Text, Text, Opaque);
type Register = unsafe extern "C" fn(
    *mut Opaque,
    u32,
    u32,
    Text,
    Text,
    Text,
    Text,
    u16,
    u16,
    Bytes,
    Reply,
    Opaque,
) -> i32;

/// Who is told of a registration, and whether that was done.
struct Registering {
    reply: Reply,
    context: Opaque,
    was_told: AtomicBool,
}

/// As the others, but whoever registers is told once: `async-dnssd` forgets what it is told by after the first
/// time, and a service that ends tells a second one. That it ended is told to those who look for nodes, too.
#[unsafe(no_mangle)]
#[allow(non_snake_case, clippy::too_many_arguments)] // as above
extern "C" fn DNSServiceRegister(
    service: *mut Opaque,
    flags: u32,
    interface: u32,
    name: Text,
    kind: Text,
    domain: Text,
    host: Text,
    port: u16,
    length: u16,
    text: Bytes,
    reply: Reply,
    context: Opaque,
) -> i32 {
    // SAFETY: the type is that of the function in the library's header.
    let function = |library: &'static Library| unsafe {
        library.get::<Register>(b"DNSServiceRegister\0").ok()
    };
    let Some(function) = library().and_then(function) else { return NOT_RUNNING };
    // It stays for good, since nothing tells when the library needs it no more: 24 bytes at each start.
    let registering = Registering { reply, context, was_told: AtomicBool::new(false) };
    let once = Box::into_raw(Box::new(registering)).cast();
    // SAFETY: what was passed is passed on, under the same promises; what is put in the place of two lives on.
    unsafe {
        function(
            service, flags, interface, name, kind, domain, host, port, length, text, tell_once,
            once,
        )
    }
}

unsafe extern "C" fn tell_once(
    service: Opaque,
    flags: u32,
    error: i32,
    name: Text,
    kind: Text,
    domain: Text,
    once: Opaque,
) {
    // SAFETY: it was made above, and is never freed.
    let registering = unsafe { &*once.cast::<Registering>() };
    if !registering.was_told.swap(true, Ordering::Relaxed) {
        // SAFETY: what was passed is passed on, for the first time, when the one who waits is still there.
        unsafe {
            (registering.reply)(service, flags, error, name, kind, domain, registering.context);
        }
    }
}

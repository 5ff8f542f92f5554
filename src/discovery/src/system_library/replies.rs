//! The functions that are told something later. Avahi's library does not clear the memory of a service that it
//! begins: when the daemon ends, it may tell one by the function of another kind, which had that memory before.
//! So each is told by a function of this file, which finds by the context whom it is really for; but for those of
//! the two functions that this program never calls (domains, single records), which are passed on as they are.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{mem, ptr};

use libloading::Library;

use super::{Bytes, NOT_RUNNING, Opaque, Text, library};

type RegisterReply = unsafe extern "C" fn(Opaque, u32, i32, Text, Text, Text, Opaque);
type BrowseReply = unsafe extern "C" fn(Opaque, u32, u32, i32, Text, Text, Text, Opaque);
type ResolveReply =
    unsafe extern "C" fn(Opaque, u32, u32, i32, Text, Text, u16, u16, Bytes, Opaque);
type QueryReply =
    unsafe extern "C" fn(Opaque, u32, u32, i32, Text, u16, u16, u16, Opaque, u32, Opaque);

#[rustfmt::skip]
type Register = unsafe extern "C" fn(
    *mut Opaque, u32, u32, Text, Text, Text, Text, u16, u16, Bytes, RegisterReply, Opaque,
) -> i32;
type Browse = unsafe extern "C" fn(*mut Opaque, u32, u32, Text, Text, BrowseReply, Opaque) -> i32;
type Resolve =
    unsafe extern "C" fn(*mut Opaque, u32, u32, Text, Text, Text, ResolveReply, Opaque) -> i32;
type Query = unsafe extern "C" fn(*mut Opaque, u32, u32, Text, u16, u16, QueryReply, Opaque) -> i32;

/// Who is told, and by which of their functions.
struct Told {
    reply: Reply,
    context: Opaque,
}

enum Reply {
    /// Told once: `async-dnssd` forgets what it is told by after the first time, and a service that ends tells a
    /// second one. That it ended is told to those who look for nodes, too.
    Register(RegisterReply, AtomicBool),
    Browse(BrowseReply),
    Resolve(ResolveReply),
    Query(QueryReply),
}

impl Told {
    /// Whoever is told by a function of another kind can only be told that it failed.
    unsafe fn fails(&self, service: Opaque, error: i32) {
        let error = if error == 0 { NOT_RUNNING } else { error };
        let (none, text) = (ptr::null_mut(), ptr::null());
        // SAFETY: the function and the context belong together; of a failure nothing else is read.
        unsafe {
            match &self.reply {
                Reply::Register(reply, was_told) => {
                    if !was_told.swap(true, Ordering::Relaxed) {
                        reply(service, 0, error, text, text, text, self.context);
                    }
                }
                Reply::Browse(reply) => {
                    reply(service, 0, 0, error, text, text, text, self.context);
                }
                Reply::Resolve(reply) => {
                    reply(service, 0, 0, error, text, text, 0, 0, ptr::null(), self.context);
                }
                Reply::Query(reply) => {
                    reply(service, 0, 0, error, text, 0, 0, 0, none, 0, self.context);
                }
            }
        }
    }
}

/// Who is told of each service that there is, by the service's address. The addresses are of boxes.
fn open() -> MutexGuard<'static, Option<HashMap<usize, usize>>> {
    static OPEN: Mutex<Option<HashMap<usize, usize>>> = Mutex::new(None);
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins a service with what it tells by, which is kept as long as the service.
///
/// # Safety
/// `service` may be written to, and `begin` passes on what belongs together.
unsafe fn begin(service: *mut Opaque, told: Told, begin: impl FnOnce(Opaque) -> i32) -> i32 {
    let told = Box::into_raw(Box::new(told));
    let error = begin(told.cast());
    if error == 0 {
        // SAFETY: the library has put the new service there.
        let service = unsafe { *service };
        open().get_or_insert_default().insert(service as usize, told as usize);
    } else {
        // SAFETY: it was made above, and a service that did not begin tells nothing.
        drop(unsafe { Box::from_raw(told) });
    }
    error
}

/// A function of the library.
///
/// # Safety
/// `F` is the type of the function in the library's header.
unsafe fn function<F: Copy>(name: &str) -> Option<F> {
    const { assert!(mem::size_of::<F>() == mem::size_of::<usize>()) };
    // SAFETY: the caller promises the type.
    let found = |library: &'static Library| unsafe { library.get::<F>(name.as_bytes()).ok() };
    library().and_then(found).map(|symbol| *symbol)
}

#[unsafe(no_mangle)]
#[allow(non_snake_case)] // C's name
extern "C" fn DNSServiceRefDeallocate(service: Opaque) {
    // Not there any more when the library gives its address to the next.
    let told = open().as_mut().and_then(|open| open.remove(&(service as usize)));
    // SAFETY: the type is that of the function in the library's header, and what was passed is passed on.
    unsafe {
        if let Some(deallocate) =
            function::<unsafe extern "C" fn(Opaque)>("DNSServiceRefDeallocate\0")
        {
            deallocate(service);
        }
        if let Some(told) = told {
            // Made when the service began, and it tells nothing any more.
            drop(Box::from_raw(told as *mut Told));
        }
    }
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, clippy::too_many_arguments)] // C's name, and as many as C has
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
    reply: RegisterReply,
    context: Opaque,
) -> i32 {
    let told = Told { reply: Reply::Register(reply, AtomicBool::new(false)), context };
    // SAFETY: the type is that of the function in the library's header; what was passed is passed on, under the
    // same promises, and what is put in the place of two lives as long as the service.
    unsafe {
        let Some(register) = function::<Register>("DNSServiceRegister\0") else {
            return NOT_RUNNING;
        };
        begin(service, told, |told| {
            let by = registered;
            register(
                service, flags, interface, name, kind, domain, host, port, length, text, by, told,
            )
        })
    }
}

#[unsafe(no_mangle)]
#[allow(non_snake_case)] // C's name
extern "C" fn DNSServiceBrowse(
    service: *mut Opaque,
    flags: u32,
    interface: u32,
    kind: Text,
    domain: Text,
    reply: BrowseReply,
    context: Opaque,
) -> i32 {
    let told = Told { reply: Reply::Browse(reply), context };
    // SAFETY: as above.
    unsafe {
        let Some(browse) = function::<Browse>("DNSServiceBrowse\0") else { return NOT_RUNNING };
        begin(service, told, |told| browse(service, flags, interface, kind, domain, browsed, told))
    }
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, clippy::too_many_arguments)] // C's name, and as many as C has
extern "C" fn DNSServiceResolve(
    service: *mut Opaque,
    flags: u32,
    interface: u32,
    name: Text,
    kind: Text,
    domain: Text,
    reply: ResolveReply,
    context: Opaque,
) -> i32 {
    let told = Told { reply: Reply::Resolve(reply), context };
    // SAFETY: as above.
    unsafe {
        let Some(resolve) = function::<Resolve>("DNSServiceResolve\0") else { return NOT_RUNNING };
        begin(service, told, |told| {
            resolve(service, flags, interface, name, kind, domain, resolved, told)
        })
    }
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, clippy::too_many_arguments)] // C's name, and as many as C has
extern "C" fn DNSServiceQueryRecord(
    service: *mut Opaque,
    flags: u32,
    interface: u32,
    name: Text,
    kind: u16,
    class: u16,
    reply: QueryReply,
    context: Opaque,
) -> i32 {
    let told = Told { reply: Reply::Query(reply), context };
    // SAFETY: as above.
    unsafe {
        let Some(query) = function::<Query>("DNSServiceQueryRecord\0") else { return NOT_RUNNING };
        begin(service, told, |told| {
            query(service, flags, interface, name, kind, class, queried, told)
        })
    }
}

unsafe extern "C" fn registered(
    service: Opaque,
    flags: u32,
    error: i32,
    name: Text,
    kind: Text,
    domain: Text,
    told: Opaque,
) {
    // SAFETY: whatever function of this file is called is given what `begin` made, and it lives as long as the
    // service; what was passed is passed on to whom it is for.
    unsafe {
        let told = &*told.cast::<Told>();
        match &told.reply {
            Reply::Register(reply, was_told) => {
                if !was_told.swap(true, Ordering::Relaxed) {
                    reply(service, flags, error, name, kind, domain, told.context);
                }
            }
            _ => told.fails(service, error),
        }
    }
}

#[allow(clippy::too_many_arguments)] // as many as C has
unsafe extern "C" fn browsed(
    service: Opaque,
    flags: u32,
    interface: u32,
    error: i32,
    name: Text,
    kind: Text,
    domain: Text,
    told: Opaque,
) {
    // SAFETY: as above.
    unsafe {
        let told = &*told.cast::<Told>();
        match told.reply {
            Reply::Browse(reply) => {
                reply(service, flags, interface, error, name, kind, domain, told.context);
            }
            _ => told.fails(service, error),
        }
    }
}

#[allow(clippy::too_many_arguments)] // as many as C has
unsafe extern "C" fn resolved(
    service: Opaque,
    flags: u32,
    interface: u32,
    error: i32,
    full: Text,
    host: Text,
    port: u16,
    length: u16,
    text: Bytes,
    told: Opaque,
) {
    // SAFETY: as above.
    unsafe {
        let told = &*told.cast::<Told>();
        let context = told.context;
        match told.reply {
            Reply::Resolve(reply) => {
                reply(service, flags, interface, error, full, host, port, length, text, context);
            }
            _ => told.fails(service, error),
        }
    }
}

#[allow(clippy::too_many_arguments)] // as many as C has
unsafe extern "C" fn queried(
    service: Opaque,
    flags: u32,
    interface: u32,
    error: i32,
    full: Text,
    kind: u16,
    class: u16,
    length: u16,
    data: Opaque,
    seconds: u32,
    told: Opaque,
) {
    // SAFETY: as above.
    unsafe {
        let told = &*told.cast::<Told>();
        let context = told.context;
        match told.reply {
            Reply::Query(reply) => {
                reply(
                    service, flags, interface, error, full, kind, class, length, data, seconds,
                    context,
                );
            }
            _ => told.fails(service, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a query was told of failures.
    static FAILED: Mutex<Vec<i32>> = Mutex::new(Vec::new());

    unsafe extern "C" fn failed(
        _: Opaque,
        _: u32,
        _: u32,
        error: i32,
        _: Text,
        _: u16,
        _: u16,
        _: u16,
        _: Opaque,
        _: u32,
        context: Opaque,
    ) {
        assert_eq!(context as usize, 7);
        FAILED.lock().unwrap().push(error);
    }

    #[test]
    fn a_query_that_is_told_by_the_function_of_another_kind_fails_and_nobody_else_is_told() {
        let mut told = Told { reply: Reply::Query(failed), context: 7 as Opaque };
        let (none, text) = (ptr::null_mut(), ptr::null());
        let context = ptr::from_mut(&mut told).cast();
        // SAFETY: the context is what `begin` would have made.
        unsafe {
            browsed(none, 0, 0, -65_537, text, text, text, context);
            resolved(none, 0, 0, -65_537, text, text, 0, 0, ptr::null(), context);
            registered(none, 0, 0, text, text, text, context);
            queried(none, 0, 0, -1, text, 0, 0, 0, none, 0, context);
        }
        assert_eq!(*FAILED.lock().unwrap(), [-65_537, -65_537, NOT_RUNNING, -1]);
    }
}

//! One QuickJS runtime with the prelude in it: opened, called, and thrown away after a limit.

use std::collections::HashMap;
use std::rc::Rc;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::function::Args;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Runtime, Value};

use crate::deadline::{Deadline, Over};
use crate::error::Error;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::list::{Line, host_stream};
use crate::{response, surrogates};

/// The parts of the language: those that CouchDB links in, and promises, without which an `async`
/// function leaves things behind that keep a runtime from being freed. The prelude takes the global
/// `Promise` away.
type Language = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::MapSet,
    intrinsic::Promise,
);

/// What a realm is for, and what it has to know whenever it is opened.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Map and reduce functions, added in this order at each opening.
    Views { root: String, maps: Vec<String>, reduces: Vec<String> },
    /// The functions of one design document.
    Functions { id: String, root: String },
}

/// An argument of an entry point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Argument<'a> {
    Text(&'a str),
    Number(usize),
    Missing,
}

/// The entry points that the prelude gives, by name.
type Entries = HashMap<String, Persistent<Function<'static>>>;

struct Machine {
    // Values go before the context that holds them, and the context before its runtime.
    entries: Entries,
    context: Context,
    runtime: Runtime,
}

/// A runtime that comes again after a limit ended it.
pub(crate) struct Realm {
    machine: Option<Machine>,
    purpose: Purpose,
    pub(crate) limits: Limits,
    deadline: Rc<Deadline>,
    pub(crate) journal: Rc<Journal>,
    pub(crate) line: Rc<Line>,
}

impl Realm {
    /// Opens the runtime, loads the prelude, and adds map functions, which have to compile.
    pub(crate) fn open(purpose: Purpose, limits: Limits) -> Result<Self, Error> {
        let deadline = Rc::new(Deadline::default());
        let mut realm = Realm {
            machine: None,
            purpose,
            journal: Rc::new(Journal::new(limits.log_bytes)),
            line: Rc::new(Line::new(limits.time(), limits.output_bytes, Rc::clone(&deadline))),
            deadline,
            limits,
        };
        realm.machine = Some(realm.start()?);
        Ok(realm)
    }

    /// Calls an entry point under the limits.
    pub(crate) fn call(
        &mut self,
        entry: &str,
        arguments: &[Argument<'_>],
    ) -> Result<String, Error> {
        let machine = match self.machine.take() {
            Some(machine) => machine,
            None => self.start()?,
        };
        let result = self.run(&machine, entry, arguments);
        // Nothing runs after a call: a runtime in which something waits to is thrown away too.
        if !result.as_ref().is_err_and(Error::is_poison) && !machine.runtime.is_job_pending() {
            self.machine = Some(machine);
        }
        result
    }

    /// Whether the runtime of the last call is still there, with what the prelude keeps in it.
    pub(crate) fn is_open(&self) -> bool {
        self.machine.is_some()
    }

    fn start(&self) -> Result<Machine, Error> {
        self.deadline.begin(self.limits.time());
        let runtime = Runtime::new().map_err(|error| Error::Engine(error.to_string()))?;
        runtime.set_max_stack_size(self.limits.stack_bytes);
        let context = Context::custom::<Language>(&runtime)
            .map_err(|error| Error::Engine(error.to_string()))?;
        let loaded = context.with(|ctx| {
            let entries = self.load(&ctx);
            entries.map_err(|error| self.failure(&ctx, &error))
        });
        // Limits hold from here on: the prelude is ours, and must not fail half-way.
        runtime.set_memory_limit(self.limits.memory_bytes);
        let deadline = Rc::clone(&self.deadline);
        runtime.set_interrupt_handler(Some(Box::new(move || deadline.must_end())));
        let machine = Machine { entries: loaded?, context, runtime };
        self.add_functions(&machine)?;
        Ok(machine)
    }

    fn add_functions(&self, machine: &Machine) -> Result<(), Error> {
        if let Purpose::Views { maps, reduces, .. } = &self.purpose {
            for source in maps {
                self.run(machine, "add_map", &[Argument::Text(source)])?;
            }
            for source in reduces {
                self.run(machine, "add_reduce", &[Argument::Text(source)])?;
            }
        }
        Ok(())
    }

    fn load(&self, ctx: &Ctx<'_>) -> rquickjs::Result<Entries> {
        let host = self.host(ctx)?;
        let root = match &self.purpose {
            Purpose::Views { root, .. } | Purpose::Functions { root, .. } => root,
        };
        let root = ctx.json_parse(root.as_str())?;
        let core: Object<'_> =
            script(ctx, "core", include_str!("prelude/core.js"))?.call((host.clone(), root))?;
        let guards = script(ctx, "guards", include_str!("prelude/guards.js"))?;
        guards.call::<_, ()>((host.clone(), core.clone()))?;
        let mut entries = Entries::new();
        match &self.purpose {
            Purpose::Views { .. } => {
                let views: Object<'_> = script(ctx, "views", include_str!("prelude/views.js"))?
                    .call((host, core.clone(), self.limits.output_bytes as f64))?;
                keep(ctx, &views, &mut entries)?;
            }
            Purpose::Functions { id, .. } => {
                let stillness: Function<'_> =
                    script(ctx, "stillness", include_str!("prelude/stillness.js"))?
                        .call((core.clone(),))?;
                let functions: Object<'_> = script(
                    ctx,
                    "functions",
                    include_str!("prelude/functions.js"),
                )?
                .call((host.clone(), core.clone(), id.as_str(), stillness))?;
                let find: Function<'_> = functions.get("find")?;
                let mime: Object<'_> =
                    script(ctx, "mime", include_str!("prelude/mime.js"))?.call((core.clone(),))?;
                let render: Object<'_> = script(ctx, "render", include_str!("prelude/render.js"))?
                    .call((host, core, mime, find))?;
                keep(ctx, &functions, &mut entries)?;
                keep(ctx, &render, &mut entries)?;
            }
        }
        Ok(entries)
    }

    /// What the prelude may call out to: the log, the clock, and the two ends of a list.
    fn host<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let host = Object::new(ctx.clone())?;
        let journal = Rc::clone(&self.journal);
        host.set("log", Function::new(ctx.clone(), move |line: String| journal.add(line))?)?;
        let deadline = Rc::clone(&self.deadline);
        host.set("late", Function::new(ctx.clone(), move || deadline.must_end())?)?;
        host_stream(ctx, &host, &self.line)?;
        Ok(host)
    }

    fn run(
        &self,
        machine: &Machine,
        entry: &str,
        arguments: &[Argument<'_>],
    ) -> Result<String, Error> {
        let Some(entry) = machine.entries.get(entry) else {
            return Err(Error::Engine(format!("the prelude has no {entry}")));
        };
        self.deadline.begin(self.limits.time());
        let answer = machine.context.with(|ctx| {
            let answer = invoke(&ctx, entry, arguments);
            answer.map_err(|error| self.failure(&ctx, &error))
        });
        self.deadline.end();
        if self.deadline.was_stopped() {
            return Err(Error::Gone);
        }
        match self.deadline.over() {
            Some(Over::Worked) => return Err(Error::Time(self.limits.call)),
            Some(Over::Stalled) => return Err(Error::Stalled(self.limits.call)),
            None => {}
        }
        let mut answer = answer?;
        match answer.pop() {
            Some('+') if answer.len() > self.limits.output_bytes => {
                Err(Error::Output(self.limits.output_bytes))
            }
            Some('+') => {
                surrogates::mend(&mut answer);
                Ok(answer)
            }
            Some('-') => Err(self.described(&answer)),
            _ => Err(Error::Engine("the prelude gave no answer".into())),
        }
    }

    /// What it means when even the prelude did not come to an answer.
    fn failure(&self, ctx: &Ctx<'_>, error: &rquickjs::Error) -> Error {
        match error {
            rquickjs::Error::Allocation => Error::Memory(self.limits.memory_bytes),
            rquickjs::Error::Exception => {
                let thrown = ctx.catch();
                let message = thrown.as_exception().and_then(rquickjs::Exception::message);
                match message {
                    _ if thrown.is_null() => Error::Memory(self.limits.memory_bytes),
                    Some(message) if message.is_empty() || message == "out of memory" => {
                        Error::Memory(self.limits.memory_bytes)
                    }
                    other => Error::Engine(other.unwrap_or_else(|| "an unknown error".into())),
                }
            }
            other => Error::Engine(other.to_string()),
        }
    }

    /// An error that the prelude described as JSON `[kind, name, reason]`.
    pub(crate) fn described(&self, json: &str) -> Error {
        let mut json = json.to_owned();
        surrogates::mend(&mut json);
        let Ok([kind, name, reason]) = serde_json::from_str::<[String; 3]>(&json) else {
            return Error::Engine("an error that cannot be read".into());
        };
        match kind.as_str() {
            "memory" => Error::Memory(self.limits.memory_bytes),
            "output" => Error::Output(self.limits.output_bytes),
            "forbidden" => Error::Forbidden(reason),
            "unauthorized" => Error::Unauthorized(reason),
            "http" => response::read(&reason).map_or_else(|error| error, |r| Error::Http(r.into())),
            "fatal" => Error::Fatal { name, reason },
            "named" if name == "compilation_error" => Error::Compilation(reason),
            "named" => Error::Named { name, reason },
            _ => Error::Exception { name, reason },
        }
    }
}

fn invoke(
    ctx: &Ctx<'_>,
    entry: &Persistent<Function<'static>>,
    arguments: &[Argument<'_>],
) -> rquickjs::Result<String> {
    let function = entry.clone().restore(ctx)?;
    let mut given = Args::new(ctx.clone(), arguments.len());
    for argument in arguments {
        match argument {
            Argument::Text(text) => given.push_arg(*text)?,
            Argument::Number(number) => given.push_arg(*number as f64)?,
            Argument::Missing => given.push_arg(Value::new_null(ctx.clone()))?,
        }
    }
    let answer: rquickjs::String<'_> = given.apply(&function)?;
    answer.to_string()
}

/// A file of the prelude, which is one function.
fn script<'js>(ctx: &Ctx<'js>, name: &str, source: &str) -> rquickjs::Result<Function<'js>> {
    let mut options = EvalOptions::default();
    // The functions that it compiles inherit nothing from it, and it needs `eval` by its scope.
    options.strict = false;
    options.filename = Some(format!("refuge:{name}"));
    ctx.eval_with_options(source, options)
}

fn keep<'js>(ctx: &Ctx<'js>, object: &Object<'js>, entries: &mut Entries) -> rquickjs::Result<()> {
    for member in object.props::<String, Function<'_>>() {
        let (name, function) = member?;
        entries.insert(name, Persistent::save(ctx, function));
    }
    Ok(())
}

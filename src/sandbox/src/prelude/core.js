// What all kinds of functions stand on: compiling, requiring modules, logging, telling errors.
// What is used here is kept before any design function can replace it.
(function (host, root) {
  var globals = globalThis;
  var evaluate = globals.eval; // called by this name it is indirect: global scope, not strict
  var parse = JSON.parse;
  var stringify = JSON.stringify;
  var apply = Reflect.apply;
  var create = Object.create;
  var keysOf = Object.keys;
  var isArray = Array.isArray;
  var ErrorClass = Error;
  var SyntaxErrorClass = SyntaxError;
  var hasOwn = Object.prototype.hasOwnProperty;
  var wellFormed = String.prototype.toWellFormed;
  var trim = String.prototype.trim;
  var slice = String.prototype.slice;
  var objectTag = Object.prototype.toString;

  // What the engine brings and design functions do not have, such as promises and microtasks.
  var kept = "Object Function Error EvalError RangeError ReferenceError SyntaxError TypeError URIError "
    + "InternalError AggregateError Array Number Boolean String Math Reflect Symbol "
    + "Date RegExp JSON Map Set WeakMap WeakSet globalThis eval parseInt parseFloat isNaN isFinite "
    + "decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape";
  Object.getOwnPropertyNames(globals).forEach(function (name) {
    if (kept.split(" ").indexOf(name) < 0) delete globals[name];
  });

  function owns(object, name) {
    return object !== null && typeof object === "object" && apply(hasOwn, object, [name]);
  }

  // Text without lone surrogates, which UTF-8 cannot hold.
  function text(value) {
    if (typeof value !== "string") {
      value = typeof value === "object" ? stringify(value) : String(value);
    }
    return value === undefined ? "" : apply(wellFormed, value, []);
  }

  function raise(name, reason) {
    throw ["error", name, reason];
  }

  // How the engine says that memory ran out: null, and no message, where there was none left to
  // say it with.
  function isMemory(error) {
    return error === null
      || (error instanceof ErrorClass && error.name === "InternalError"
        && (error.message === "out of memory" || error.message === ""));
  }

  // [kind, name, reason] of what was thrown.
  function classify(error) {
    if (isMemory(error)) return ["memory", "", ""];
    if (isArray(error) && (error[0] === "error" || error[0] === "fatal")) {
      return [error[0] === "fatal" ? "fatal" : "named", text(error[1]), text(error[2])];
    }
    if (error !== null && typeof error === "object") {
      if (owns(error, "forbidden")) return ["forbidden", "", text(error.forbidden)];
      if (owns(error, "unauthorized")) return ["unauthorized", "", text(error.unauthorized)];
      if (owns(error, "http")) return ["http", "", stringify(core.respond(error.http))];
      if (owns(error, "error") && owns(error, "reason") && error.error && error.reason) return ["named", text(error.error), text(error.reason)];
      if (error instanceof ErrorClass) {
        return ["exception", text(error.name), text(error.message)];
      }
    }
    return ["exception", "unnamed_error", text(error)];
  }

  // An error as JSON [kind, name, reason]. What was thrown may do anything when it is looked at.
  function describe(error) {
    try {
      return stringify(classify(error));
    } catch (another) {
      if (isMemory(another)) return '["memory","",""]';
      return '["exception","unnamed_error","an error that cannot be told"]';
    }
  }

  // One line about an error, for the log.
  function tell(error) {
    var told = classify(error);
    return told[1] === "" || told[1] === "unnamed_error" ? told[2] : told[1] + ": " + told[2];
  }

  // What Rust calls: the answer and "+", or the error and "-".
  function entry(run) {
    return function (a, b, c, d) {
      try {
        return run(a, b, c, d) + "+";
      } catch (error) {
        return describe(error) + "-";
      }
    };
  }

  function log(message) {
    host.log(text(typeof message === "string" ? message : stringify(message)));
  }

  // A number such as 1n: JSON has none, and calculating with long ones takes seconds an operation,
  // in which nothing looks at the clock.
  var bigNumber = /(?:^|[^\w$.'"])(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*)n(?![\w$])/;
  var exec = RegExp.prototype.exec;

  function check(source) {
    if (apply(exec, bigNumber, [source]) !== null) {
      raise("compilation_error", "numbers of any length, such as 1n, cannot be used here");
    }
  }

  // Functions are expressions; "function (doc) {...};" was one for older engines. What does not
  // parse as an expression may be a program whose last value is the function. Either may set
  // module.exports instead.
  function compile(source) {
    if (typeof source !== "string" || apply(trim, source, []) === "") {
      raise("not_found", "missing function");
    }
    check(source);
    var module = { id: "", exports: {} };
    globals.module = module;
    globals.exports = module.exports;
    var made;
    try {
      made = run(source);
    } catch (error) {
      if (isMemory(error)) throw error;
      raise("compilation_error", tell(error) + " (" + source + ")");
    } finally {
      delete globals.module;
      delete globals.exports;
    }
    if (typeof module.exports === "function") made = module.exports;
    if (typeof made !== "function") {
      raise("compilation_error", "expression does not evaluate to a function (" + source + ")");
    }
    return made;
  }

  function run(source) {
    var end = source.length;
    while (end > 0 && (source[end - 1] === ";" || source[end - 1] <= " ")) end--;
    try {
      return evaluate("(" + apply(slice, source, [0, end]) + "\n)");
    } catch (error) {
      if (!(error instanceof SyntaxErrorClass)) throw error;
      try {
        return evaluate(source);
      } catch (another) {
        // That it is no expression says more than that it is no program either.
        throw another instanceof SyntaxErrorClass ? error : another;
      }
    }
  }

  var modules = create(null);

  // The names from the root to the module that `name` means in the module `from`.
  function resolve(name, from) {
    var names = name.split("/");
    var path = [];
    if (names[0] === "." || names[0] === "..") {
      if (from === null) raise("invalid_require_path", "a relative path needs a module: " + name);
      path = from.slice(0, -1);
    }
    for (var i = 0; i < names.length; i++) {
      if (names[i] === "..") {
        if (path.length === 0) raise("invalid_require_path", "no parent of the root: " + name);
        path.pop();
      } else if (names[i] !== "." && names[i] !== "") {
        path.push(names[i]);
      }
    }
    return path;
  }

  function load(name, from) {
    var path = resolve(String(name), from);
    var id = path.join("/");
    if (modules[id] !== undefined) return modules[id].exports;
    var source = root;
    for (var i = 0; i < path.length; i++) {
      if (!owns(source, path[i])) {
        raise("invalid_require_path", 'no property "' + path[i] + '" on the way to ' + id);
      }
      source = source[path[i]];
    }
    if (typeof source !== "string") {
      raise("invalid_require_path", "a module is a string, and " + id + " is " + typeof source);
    }
    check(source);
    var module = { id: id, exports: {} };
    // Known before it runs, so that two modules may require each other.
    modules[id] = module;
    try {
      var body = evaluate("(function (module, exports, require) {" + source + "\n})");
      apply(body, globals, [module, module.exports, requirer(path)]);
    } catch (error) {
      delete modules[id];
      if (isMemory(error)) throw error;
      raise("compilation_error", "module require('" + name + "') raised error " + tell(error));
    }
    return module.exports;
  }

  function requirer(from) {
    return function require(name) {
      return load(name, from);
    };
  }

  function sum(values) {
    var total = 0;
    if (isArray(values)) {
      for (var i = 0; i < values.length; i++) total += values[i];
    } else {
      keysOf(values).forEach(function (name) { total += values[name]; });
    }
    return total;
  }

  function provide(name, value) {
    Object.defineProperty(globals, name,
      { value: value, writable: true, configurable: true, enumerable: false });
  }

  provide("log", log);
  provide("sum", sum);
  provide("toJSON", function (value) { return stringify(value); });
  provide("isArray", function (value) { return apply(objectTag, value, []) === "[object Array]"; });
  provide("require", requirer(null));

  var core = {
    root: root, parse: parse, stringify: stringify, apply: apply, create: create, owns: owns,
    isArray: isArray, keysOf: keysOf, text: text, raise: raise, isMemory: isMemory, describe: describe,
    tell: tell, entry: entry, log: log, compile: compile, provide: provide,
    // Replaced where functions answer requests.
    respond: function (response) { return response; }
  };
  return core;
})

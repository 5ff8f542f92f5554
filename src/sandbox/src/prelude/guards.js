// Built-in functions whose loops do not look at the clock get bounds here, or are written anew.
// Without, `new Array(4294967295).join("")` would run for minutes past any limit. And since the
// engine looks at the clock once in ten thousand calls and turns of loops, those that may be slow
// count their work and look at it themselves. The built-in functions that are not listed are fast,
// or look at the clock.
(function (host, core) {
  "use strict";
  var apply = core.apply;
  var isArray = core.isArray;
  var prototypeOf = Object.getPrototypeOf;
  var descriptorOf = Object.getOwnPropertyDescriptor;
  var ErrorClass = Error;
  var RangeErrorClass = RangeError;
  var TypeErrorClass = TypeError;
  var spreadable = Symbol.isConcatSpreadable;
  // Elements of an array, or steps of a search: each well under a second.
  var mostElements = 10000000;
  var mostSteps = 1000000000;
  // Elements and characters between two looks at the clock: about a millisecond.
  var stride = 100000;
  var worked = 0;
  var late = false;

  function begin() {
    // Whoever caught this once gets no further.
    if (late) throw new ErrorClass("interrupted");
  }

  function end(work) {
    worked += work;
    if (worked > stride) {
      worked = 0;
      late = host.late();
      begin();
    }
  }

  function tooLong() {
    throw new RangeErrorClass("an array of more than " + mostElements + " elements");
  }

  // A length that is a plain number stays the same until the engine reads it.
  function checkLength(object) {
    if (object === null || (typeof object !== "object" && typeof object !== "function")) return 0;
    if (isArray(object)) {
      if (object.length > mostElements) tooLong();
      return object.length;
    }
    for (var at = object; at !== null; at = prototypeOf(at)) {
      var length = descriptorOf(at, "length");
      if (length === undefined) continue;
      if (length.get !== undefined || length.set !== undefined || typeof length.value === "object"
        || typeof length.value === "function") {
        throw new TypeErrorClass("the length of an array is a number");
      }
      if (length.value > mostElements) tooLong();
      return typeof length.value === "number" ? length.value : 0;
    }
    return 0;
  }

  function replace(owner, name, method) {
    Object.defineProperty(owner, name, { value: method, writable: true, configurable: true });
  }

  function remove(owner, names) {
    names.forEach(function (name) { delete owner[name]; });
  }

  ["join", "toLocaleString", "reverse", "fill", "copyWithin", "shift", "unshift", "splice", "slice",
    "toReversed", "toSpliced", "with"].forEach(function (name) {
    var original = Array.prototype[name];
    replace(Array.prototype, name, { [name]() {
      begin();
      var length = checkLength(this);
      var result = apply(original, this, arguments);
      end(length);
      return result;
    } }[name]);
  });

  // As the engine compares where it is given nothing to compare with.
  function compareText(a, b) {
    a = String(a);
    b = String(b);
    begin();
    end(a.length < b.length ? a.length : b.length);
    return a < b ? -1 : a > b ? 1 : 0;
  }
  ["sort", "toSorted"].forEach(function (name) {
    var original = Array.prototype[name];
    replace(Array.prototype, name, { [name](compare) {
      begin();
      var length = checkLength(this);
      // A comparison may be of long texts; a thousand of them are no matter.
      var given = compare === undefined && length > 1000 ? [compareText] : arguments;
      var result = apply(original, this, given);
      end(length);
      return result;
    } }[name]);
  });

  var concat = Array.prototype.concat;
  replace(Array.prototype, "concat", { concat() {
    begin();
    var length = checkLength(this);
    for (var i = 0; i < arguments.length; i++) {
      var part = arguments[i];
      if (part !== null && typeof part === "object" && (isArray(part) || spreadable in part)) {
        length += checkLength(part);
      }
    }
    var result = apply(concat, this, arguments);
    end(length);
    return result;
  } }.concat);

  function flatten(into, from, depth) {
    for (var i = 0; i < from.length; i++) {
      if (!(i in from)) continue;
      if (depth >= 1 && isArray(from[i])) flatten(into, from[i], depth - 1);
      else into[into.length] = from[i];
    }
    return into;
  }
  var map = Array.prototype.map;
  replace(Array.prototype, "flat", { flat(depth) {
    return flatten([], this, depth === undefined ? 1 : Number(depth));
  } }.flat);
  replace(Array.prototype, "flatMap", { flatMap() {
    return flatten([], apply(map, this, arguments), 1);
  } }.flatMap);

  // A constructor over an iterable adds by these.
  [[Set, "add"], [Map, "set"]].forEach(function (pair) {
    var original = pair[0].prototype[pair[1]];
    replace(pair[0].prototype, pair[1], { [pair[1]](key, value) {
      return apply(original, this, [key, value]);
    } }[pair[1]]);
  });
  replace(Object, "fromEntries", { fromEntries(entries) {
    var made = {};
    for (var entry of entries) {
      Object.defineProperty(made, entry[0],
        { value: entry[1], writable: true, enumerable: true, configurable: true });
    }
    return made;
  } }.fromEntries);
  ["keys", "values", "entries", "getOwnPropertyNames"].forEach(function (name) {
    var original = Object[name];
    replace(Object, name, { [name](object) {
      begin();
      var result = original(object);
      end(result.length);
      return result;
    } }[name]);
  });

  // Younger than the language of design functions, and with loops of their own.
  remove(Set.prototype, ["union", "intersection", "difference", "symmetricDifference", "isSubsetOf",
    "isSupersetOf", "isDisjointFrom"]);
  remove(Array, ["fromAsync"]);
  remove(Math, ["sumPrecise"]);
  var iterators = prototypeOf(prototypeOf([][Symbol.iterator]()));
  remove(iterators, Object.getOwnPropertyNames(iterators).filter(function (name) {
    return name !== "constructor";
  }));

  ["indexOf", "lastIndexOf", "includes", "split", "replace", "replaceAll", "match", "search", "repeat",
    "normalize", "toLowerCase", "toUpperCase", "localeCompare"].forEach(function (name) {
    var original = String.prototype[name];
    replace(String.prototype, name, { [name](what) {
      begin();
      // Objects other than regular expressions are turned into text once, here.
      if (what !== null && typeof what === "object" && what[Symbol.match] === undefined) {
        arguments[0] = what = String(what);
      }
      var here = this;
      if (typeof what === "string" && what.length > 1000) {
        here = String(this);
        if (here.length * what.length > mostSteps) {
          throw new RangeErrorClass("a search for a text of " + what.length + " characters");
        }
      }
      var result = apply(original, here, arguments);
      if (typeof here === "string") end(here.length);
      return result;
    } }[name]);
  });

  var stringify = core.stringify;
  var parse = core.parse;
  replace(JSON, "stringify", { stringify(value, replacer, space) {
    begin();
    if (isArray(replacer)) checkLength(replacer);
    var json = stringify(value, replacer, space);
    if (json !== undefined) end(json.length);
    return json;
  } }.stringify);
  replace(JSON, "parse", { parse(json, reviver) {
    begin();
    json = String(json);
    var value = parse(json, reviver);
    end(json.length);
    return value;
  } }.parse);

  // Code comes in as a whole function or module, where it is looked at, as in a CouchDB whose
  // couchjs was not started with --eval.
  function refuse() {
    throw new ErrorClass("code cannot be made from text here");
  }
  function Function() { refuse(); }
  [function () {}, function* () {}, async function () {}, async function* () {}].forEach(
    function (kind) {
      Object.defineProperty(prototypeOf(kind), "constructor",
        { value: Function, writable: false, configurable: false });
    });
  Object.defineProperty(Function, "prototype", { value: prototypeOf(refuse) });
  replace(globalThis, "Function", Function);
  replace(globalThis, "eval", { eval() { refuse(); } }.eval);
})

// Built-in functions whose loops do not look at the clock get a bound here, or are written anew so
// that they do: without, `new Array(4294967295).join("")` would run for minutes past any limit.
// The engine's own loops over arrays that are not listed look at the clock.
(function (core) {
  "use strict";
  var apply = core.apply;
  var isArray = core.isArray;
  var prototypeOf = Object.getPrototypeOf;
  var descriptorOf = Object.getOwnPropertyDescriptor;
  var RangeErrorClass = RangeError;
  var TypeErrorClass = TypeError;
  var spreadable = Symbol.isConcatSpreadable;
  // Elements of an array, or steps of a search: each well under a second, so that the clock is
  // looked at before long.
  var mostElements = 10000000;
  var mostSteps = 1000000000;

  function tooLong() {
    throw new RangeErrorClass("an array of more than " + mostElements + " elements");
  }

  // A length that is a plain number stays the same until the engine reads it.
  function checkLength(object) {
    if (object === null || (typeof object !== "object" && typeof object !== "function")) return;
    if (isArray(object)) {
      if (object.length > mostElements) tooLong();
      return;
    }
    for (var at = object; at !== null; at = prototypeOf(at)) {
      var length = descriptorOf(at, "length");
      if (length === undefined) continue;
      if (length.get !== undefined || length.set !== undefined || typeof length.value === "object"
        || typeof length.value === "function") {
        throw new TypeErrorClass("the length of an array is a number");
      }
      if (length.value > mostElements) tooLong();
      return;
    }
  }

  function replace(owner, name, method) {
    Object.defineProperty(owner, name, { value: method, writable: true, configurable: true });
  }

  ["join", "toLocaleString", "reverse", "fill", "copyWithin", "shift", "unshift", "splice", "slice",
    "sort", "toSorted", "toReversed", "toSpliced", "with"].forEach(function (name) {
    var original = Array.prototype[name];
    replace(Array.prototype, name, { [name]() {
      checkLength(this);
      return apply(original, this, arguments);
    } }[name]);
  });

  var concat = Array.prototype.concat;
  replace(Array.prototype, "concat", { concat() {
    checkLength(this);
    for (var i = 0; i < arguments.length; i++) {
      var part = arguments[i];
      if (part !== null && typeof part === "object" && (isArray(part) || spreadable in part)) {
        checkLength(part);
      }
    }
    return apply(concat, this, arguments);
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
  // Lazy iteration is younger than the language of design functions.
  var iterators = prototypeOf(prototypeOf([][Symbol.iterator]()));
  Object.getOwnPropertyNames(iterators).forEach(function (name) {
    if (name !== "constructor") delete iterators[name];
  });

  ["indexOf", "lastIndexOf", "includes", "split", "replace", "replaceAll"].forEach(function (name) {
    var original = String.prototype[name];
    replace(String.prototype, name, { [name](what) {
      // Objects other than regular expressions are turned into text once, here.
      if (what !== null && typeof what === "object" && what[Symbol.match] === undefined) {
        arguments[0] = what = String(what);
      }
      if (typeof what === "string" && what.length > 1000) {
        var here = String(this);
        if (here.length * what.length > mostSteps) {
          throw new RangeErrorClass("a search for a text of " + what.length + " characters");
        }
        return apply(original, here, arguments);
      }
      return apply(original, this, arguments);
    } }[name]);
  });

  var stringify = core.stringify;
  replace(JSON, "stringify", { stringify(value, replacer, space) {
    if (isArray(replacer)) checkLength(replacer);
    return stringify(value, replacer, space);
  } }.stringify);
})

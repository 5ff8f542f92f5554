// A world that is the same on every node and at any time: its clock stands at the beginning of 1970, its
// days are those of UTC, and its dice fall alike in each call. For functions whose answers have to agree.
(function (core) {
  var globals = globalThis;
  var Real = Date;
  var days = Date.prototype;
  var dice = Math;
  var random = Math.random;
  var imul = Math.imul;
  var utc = Date.UTC;
  var parse = Date.parse;
  var apply = core.apply;
  var construct = Reflect.construct;
  var exec = RegExp.prototype.exec;

  // A time without a zone is one of this node's own place elsewhere; here it is UTC's.
  var withZone = /(?:Z|GMT|UTC|[+-]\d\d:?\d\d)\s*(?:\([^)]*\))?$/i;
  var dayAlone = /^\s*\d{4}(?:-\d\d){0,2}\s*$/;
  var withTime = /^\s*\d{4}-\d\d-\d\dT[\d:.]+$/;
  function matches(pattern, text) {
    return apply(exec, pattern, [text]) !== null;
  }
  function read(text) {
    text = String(text);
    if (matches(dayAlone, text) || matches(withZone, text)) return parse(text);
    return parse(text + (matches(withTime, text) ? "Z" : " GMT"));
  }

  function moment(given) {
    if (given.length === 0) return 0;
    if (given.length > 1) return apply(utc, Real, given);
    return typeof given[0] === "string" ? read(given[0]) : given[0];
  }
  function Still() {
    var made = construct(Real, [moment(arguments)], new.target === undefined ? Real : new.target);
    return new.target === undefined ? made.toUTCString() : made;
  }
  Object.defineProperty(Still, "name", { value: "Date", configurable: true });
  Object.defineProperty(Still, "length", { value: 7, configurable: true });
  Still.prototype = days;
  Still.now = function now() { return 0; };
  Still.UTC = utc;
  Still.parse = function (text) { return read(text); };

  // As UTC has it, by the name of what is this node's own.
  var still = core.create(null);
  ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds"].forEach(
    function (name) {
      still["get" + name] = days["getUTC" + name];
      still["set" + name] = days["setUTC" + name];
    });
  still.getDay = days.getUTCDay;
  still.getYear = function () { return this.getUTCFullYear() - 1900; };
  still.getTimezoneOffset = function () { return 0; };
  ["toString", "toLocaleString", "toDateString", "toLocaleDateString", "toTimeString",
    "toLocaleTimeString"].forEach(function (name) { still[name] = days.toUTCString; });
  still.constructor = Still;
  var names = Object.keys(still);
  var usual = core.create(null);
  names.forEach(function (name) { usual[name] = days[name]; });

  function put(methods) {
    for (var i = 0; i < names.length; i++) days[names[i]] = methods[names[i]];
  }

  var seed = 0;
  function roll() {
    seed = (seed + 0x6d2b79f5) | 0;
    var mixed = imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  // The same function, run in that world.
  return function (run) {
    return function (a, b) {
      seed = 0;
      globals.Date = Still;
      dice.random = roll;
      put(still);
      try {
        return run(a, b);
      } finally {
        globals.Date = Real;
        dice.random = random;
        put(usual);
      }
    };
  };
})

// Map and reduce functions of one index.
(function (host, core, outputBytes) {
  var parse = core.parse;
  var stringify = core.stringify;
  var freezeObject = Object.freeze;
  var keysOf = core.keysOf;
  var maps = [];
  var reduces = [];
  // Keys and values, one after another.
  var rows = [];
  var length = 0;
  // Each row is at least "null,null,".
  var most = outputBytes / 5;

  core.provide("emit", function emit(key, value) {
    if (length >= most) core.raise("output", "");
    rows[length++] = key;
    rows[length++] = value;
  });

  // Not by recursion: a document may be nested deeper than the stack reaches.
  function freeze(document) {
    var left = [document];
    var count = 1;
    while (count > 0) {
      var value = left[--count];
      if (value === null || typeof value !== "object") continue;
      freezeObject(value);
      var names = keysOf(value);
      for (var i = 0; i < names.length; i++) left[count++] = value[names[i]];
    }
  }

  function run(map, document) {
    rows = [];
    length = 0;
    try {
      map(document);
      // Even where the function caught what emit threw.
      if (length >= most) return '!["output","",""]';
      return stringify(rows);
    } catch (error) {
      if (core.isMemory(error)) throw error;
      if (length >= most) return '!["output","",""]';
      if (error === "fatal_error") {
        error = ["fatal", "map_runtime_error", "function raised 'fatal_error'"];
      }
      return "!" + core.describe(error);
    }
  }

  // One line a function: its rows [key, value, key, value…], or "!" and its error.
  function map(text, from, to) {
    var document = parse(text);
    if (maps.length === 1) return run(maps[from], document);
    // More than one function sees it, though perhaps one at a time: none shall see what another did to it.
    freeze(document);
    var lines = "";
    for (var i = from; i < to; i++) {
      if (i > from) lines += "\n";
      lines += run(maps[i], document);
    }
    return lines;
  }

  function reduce(index, keys, values) {
    if (typeof reduces[index] !== "function") reduces[index] = core.compile(reduces[index]);
    var again = keys === null;
    var answer = stringify(reduces[index](again ? null : parse(keys), parse(values), again));
    return answer === undefined ? "null" : answer;
  }

  return {
    add_map: core.entry(function (source) { maps.push(core.compile(source)); return ""; }),
    add_reduce: core.entry(function (source) { reduces.push(source); return ""; }),
    map: core.entry(map),
    reduce: core.entry(reduce)
  };
})

// Functions of one design document, found by their path and compiled when they are first called.
(function (host, core, id, inStillness) {
  var parse = core.parse;
  var stringify = core.stringify;
  var compiled = core.create(null);

  // The function at a path of names, which are the document's own members and nobody else's.
  function find(path) {
    var key = stringify(path);
    if (compiled[key] !== undefined) return compiled[key];
    var at = core.root;
    for (var i = 0; i < path.length; i++) {
      if (!core.owns(at, path[i])) {
        core.raise("not_found", "missing " + path[0] + " function " + path[path.length - 1]
          + " on design doc " + id);
      }
      at = at[path[i]];
    }
    return compiled[key] = core.compile(at);
  }

  // A filter over documents that come one by one.
  var filter = null;
  var request = null;
  var emitted = false;

  core.provide("emit", function emit() { emitted = true; });

  function openFilter(path, requestText) {
    filter = find(parse(path));
    request = requestText === null ? null : parse(requestText);
    return "";
  }

  function filterOne(documentText) {
    return core.apply(filter, core.root, [parse(documentText), request]) ? "1" : "0";
  }

  function viewOne(documentText) {
    emitted = false;
    filter(parse(documentText));
    return emitted ? "1" : "0";
  }

  // Whether a function refuses is told by what it throws.
  function permits(name, parameters) {
    var run = find([name]);
    try {
      core.apply(run, core.root, parameters);
    } catch (error) {
      if (typeof error === "string") core.raise("unknown_error", error);
      throw error;
    }
    return "";
  }

  function validate(newDocument, oldDocument, user, security) {
    return permits("validate_doc_update",
      [parse(newDocument), parse(oldDocument), parse(user), parse(security)]);
  }

  function validateRead(document, user, security) {
    return permits("validate_doc_read", [parse(document), parse(user), parse(security)]);
  }

  var texts = ["path", "method", "body"];

  function checkRewrite(answer) {
    function bad(name) { core.raise("rewrite_error", "bad " + name); }
    texts.forEach(function (name) {
      if (answer[name] !== undefined && typeof answer[name] !== "string") bad(name);
    });
    ["headers", "query"].forEach(function (name) {
      var members = answer[name];
      if (members === undefined) return;
      if (members === null || typeof members !== "object" || core.isArray(members)) bad(name);
      core.keysOf(members).forEach(function (member) {
        if (typeof members[member] !== "string") bad(name + ": " + member + " is not a string");
      });
    });
    var code = answer.code;
    if (code !== undefined && !(Number.isInteger(code) && code >= 200 && code < 600)) bad("code");
  }

  function pairs(members) {
    return core.keysOf(members || {}).map(function (name) {
      return [core.text(name), core.text(members[name])];
    });
  }

  function rewrite(requestText) {
    var answer = core.apply(find(["rewrites"]), core.root, [parse(requestText)]);
    if (!answer) return "null";
    if (typeof answer === "string") answer = { path: answer };
    if (typeof answer !== "object" || core.isArray(answer)) core.raise("rewrite_error", "bad rewrite");
    checkRewrite(answer);
    var made = { code: answer.code, headers: pairs(answer.headers) };
    if (answer.query !== undefined) made.query = pairs(answer.query);
    texts.forEach(function (name) {
      if (answer[name] !== undefined) made[name] = core.text(answer[name]);
    });
    return stringify(made);
  }

  function call(path, parameters) {
    var answer = stringify(core.apply(find(parse(path)), core.root, parse(parameters)));
    return answer === undefined ? "null" : answer;
  }

  return {
    find: find,
    open_filter: core.entry(openFilter),
    filter: core.entry(filterOne),
    filter_by_view: core.entry(viewOne),
    validate: core.entry(validate),
    validate_read: core.entry(validateRead),
    rewrite: core.entry(rewrite),
    call: core.entry(call),
    call_in_stillness: core.entry(inStillness(call))
  };
})

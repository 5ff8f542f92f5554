// Functions that answer requests: shows, updates, lists.
(function (host, core, mime, find) {
  var parse = core.parse;
  var stringify = core.stringify;
  var keysOf = core.keysOf;
  var chunks = "";
  var head = null;
  // A list's state: whether it runs, has asked for a row, has had the last one.
  var listing = false;
  var asked = false;
  var ended = false;
  // Characters that a list holds back: up to its first row it may still say how its answer begins.
  var mostHeld = 16384;
  var mostHeldBefore = 1 << 20;

  function reset() {
    mime.reset();
    chunks = "";
    head = null;
    listing = asked = ended = false;
  }

  core.provide("start", function start(response) { head = response || {}; });
  core.provide("send", function send(chunk) {
    chunks += core.text(chunk);
    if (listing && chunks.length > (asked ? mostHeld : mostHeldBefore)) {
      open();
      flush();
    }
  });
  core.provide("getRow", function getRow() {
    if (!listing) core.raise("render_error", "getRow is for list functions");
    if (ended) return null;
    open();
    flush();
    var row = host.row();
    if (row === undefined) {
      ended = true;
      return null;
    }
    return parse(row);
  });

  function open() {
    if (asked) return;
    asked = true;
    host.start(stringify(respond(head || {})));
  }

  function flush() {
    if (chunks === "") return;
    var now = chunks;
    chunks = "";
    host.send(now);
  }

  function wrap(answer) {
    return typeof answer === "string" ? { body: answer } : answer;
  }

  function isContentType(header) {
    return header.toLowerCase() === "content-type";
  }

  // A response with its defaults: {code, headers: [[name, value]], body or base64}.
  function respond(answer) {
    answer = wrap(answer);
    if (answer === null || typeof answer !== "object" || core.isArray(answer)) {
      core.raise("render_error", "undefined response from the function");
    }
    var made = { code: 200, headers: [], body: "" };
    var type = "application/json";
    var typed = false;
    // Members of the answer alone: a library may have given all objects more.
    keysOf(answer).forEach(function (name) {
      var value = answer[name];
      if (value === undefined) return;
      if (name === "code") made.code = Number(value);
      else if (name === "body") { made.body = core.text(value); type = "text/html; charset=utf-8"; }
      else if (name === "json") { made.body = stringify(value); type = "application/json"; }
      else if (name === "base64") { made.base64 = core.text(value); type = "application/binary"; }
      else if (name === "headers") {
        keysOf(value || {}).forEach(function (header) {
          if (isContentType(header)) typed = true;
          made.headers.push([core.text(header), core.text(value[header])]);
        });
      } else if (name !== "stop") {
        core.raise("external_response_error", "a response has no member " + name);
      }
    });
    if (!typed) made.headers.push(["Content-Type", type]);
    return made;
  }
  core.respond = respond;

  // A member of its own.
  function member(object, name) {
    return core.owns(object, name) ? object[name] : undefined;
  }

  // Gives an object the members of another.
  function merge(object, other) {
    keysOf(other || {}).forEach(function (name) { object[name] = other[name]; });
  }

  // The content type that was negotiated, unless the function chose one.
  function withType(answer, type) {
    answer.headers = member(answer, "headers") || {};
    if (keysOf(answer.headers).some(isContentType)) return answer;
    answer.headers["Content-Type"] = type;
    return answer;
  }

  function passes(error) {
    return core.isMemory(error) || (core.isArray(error) && (error[0] === "error" || error[0] === "fatal"))
      || core.owns(error, "forbidden") || core.owns(error, "unauthorized") || core.owns(error, "http")
      || (core.owns(error, "error") && core.owns(error, "reason") && error.error && error.reason);
  }

  // Runs a function that answers a request; what it throws by accident is a render_error.
  function guarded(run) {
    try {
      return run();
    } catch (error) {
      if (passes(error)) throw error;
      var message = "function raised error: " + core.tell(error);
      // One whose list nobody reads any more did nothing wrong.
      if (!host.late()) core.log(message + (error && error.stack ? " \nstacktrace: " + error.stack : ""));
      core.raise("render_error", message);
    } finally {
      reset();
    }
  }

  // What start and send were given before a show returned.
  function withSent(answer) {
    if (head !== null) {
      var code = member(head, "code");
      if (code !== undefined && member(answer, "code") === undefined) answer.code = code;
      answer.headers = member(answer, "headers") || {};
      merge(answer.headers, member(head, "headers"));
    }
    if (chunks !== "") {
      var body = member(answer, "body");
      answer.body = chunks + (body === undefined ? "" : body);
    }
    chunks = "";
    return answer;
  }

  function show(path, documentText, requestText) {
    var request = parse(requestText);
    var document = parse(documentText);
    var run = find(parse(path));
    reset();
    try {
      return guarded(function () {
        var answer = withSent(wrap(core.apply(run, core.root, [document, request]) || {}));
        if (mime.used()) {
          var chosen = mime.negotiate(request);
          var provided = wrap(core.apply(chosen.run, core.root, []) || {});
          provided = withSent(provided);
          var before = member(answer, "body");
          merge(answer, provided);
          if (before) answer.body = before + (member(provided, "body") || "");
          answer = withType(answer, chosen.type);
        }
        return stringify(respond(answer));
      });
    } catch (error) {
      // A show of a document that is not there usually stumbles over null.
      if (document === null && core.isArray(request.path) && request.path.length > 5
        && !core.isMemory(error)) {
        core.raise("not_found", "document not found");
      }
      throw error;
    }
  }

  // The document as JSON, and in the next line the response.
  function update(path, documentText, requestText) {
    var request = parse(requestText);
    var document = parse(documentText);
    var run = find(parse(path));
    reset();
    return guarded(function () {
      if (request.method === "GET") {
        core.raise("method_not_allowed", "Update functions do not allow GET");
      }
      var result = core.apply(run, core.root, [document, request]);
      if (!core.isArray(result)) {
        core.raise("render_error", "an update function returns [document or null, response]");
      }
      var stored = stringify(result[0]);
      return (stored === undefined ? "null" : stored) + "\n" + stringify(respond(result[1]));
    });
  }

  function list(path, headText, requestText) {
    var request = parse(requestText);
    var first = parse(headText);
    var run = find(parse(path));
    reset();
    listing = true;
    return guarded(function () {
      var tail = core.apply(run, core.root, [first, request]);
      if (mime.used()) {
        var chosen = mime.negotiate(request);
        head = withType(head || {}, chosen.type);
        tail = core.apply(chosen.run, core.root, []);
      }
      open();
      if (tail !== undefined) chunks += core.text(tail);
      flush();
      return "";
    });
  }

  return {
    show: core.entry(show),
    update: core.entry(update),
    list: core.entry(list)
  };
})

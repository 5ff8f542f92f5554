// Which of the types that a function provides suits a request.
(function (core) {
  var typesByKey = core.create(null);
  var provided = [];

  function registerType(key) {
    var types = [];
    for (var i = 1; i < arguments.length; i++) types.push(String(arguments[i]));
    typesByKey[key] = types;
  }

  [
    ["all", "*/*"],
    ["text", "text/plain; charset=utf-8", "txt"],
    ["html", "text/html; charset=utf-8"],
    ["xhtml", "application/xhtml+xml", "xhtml"],
    ["xml", "application/xml", "text/xml", "application/x-xml"],
    ["js", "text/javascript", "application/javascript", "application/x-javascript"],
    ["css", "text/css"],
    ["ics", "text/calendar"],
    ["csv", "text/csv"],
    ["rss", "application/rss+xml"],
    ["atom", "application/atom+xml"],
    ["yaml", "application/x-yaml", "text/yaml"],
    ["multipart_form", "multipart/form-data"],
    ["url_encoded_form", "application/x-www-form-urlencoded"],
    ["json", "application/json", "text/x-json"]
  ].forEach(function (known) { core.apply(registerType, null, known); });

  function essence(type) {
    return type.split(";")[0].trim().toLowerCase();
  }

  // [{type, quality}] of an Accept header (RFC 9110, section 12.5.1).
  function ranges(accept) {
    return accept.split(",").map(function (range) {
      var parts = range.split(";");
      var quality = 1;
      for (var i = 1; i < parts.length; i++) {
        var pair = parts[i].split("=");
        if (pair[0].trim().toLowerCase() === "q") quality = Number(pair[1]) || 0;
      }
      return { type: essence(parts[0]), quality: quality };
    });
  }

  // How well a type is accepted: the most specific range that matches decides.
  function quality(type, accepted) {
    var best = 0;
    var specific = -1;
    var major = type.split("/")[0];
    for (var i = 0; i < accepted.length; i++) {
      var range = accepted[i].type;
      var match = -1;
      if (range === type || type === "*/*") match = 2;
      else if (range === major + "/*") match = 1;
      else if (range === "*/*" || range === "*") match = 0;
      if (match > specific) {
        specific = match;
        best = accepted[i].quality;
      }
    }
    return best;
  }

  function choose(accept) {
    var accepted = ranges(accept);
    var chosen = null;
    var best = 0;
    provided.forEach(function (offer) {
      (typesByKey[offer.key] || []).forEach(function (type) {
        var now = quality(essence(type), accepted);
        if (now > best) {
          best = now;
          chosen = { run: offer.run, type: type };
        }
      });
    });
    return chosen;
  }

  function byKey(key) {
    for (var i = 0; i < provided.length; i++) {
      if (provided[i].key === key && typesByKey[key]) {
        return { run: provided[i].run, type: typesByKey[key][0] };
      }
    }
    return null;
  }

  // The provided function that suits a request, and its type; ?format= comes before Accept.
  function negotiate(request) {
    var headers = request.headers || {};
    var accept = headers.Accept || headers.accept;
    var format = request.query && request.query.format;
    var chosen;
    if (format) chosen = byKey(format);
    else if (accept) chosen = choose(String(accept));
    else chosen = byKey(provided[0].key);
    if (chosen === null) {
      var offers = provided.map(function (offer) {
        return (typesByKey[offer.key] || [offer.key]).join(", ");
      });
      core.raise("not_acceptable", "Content-Type " + (format || accept)
        + " not supported, try one of: " + offers.join(", "));
    }
    return chosen;
  }

  core.provide("registerType", registerType);
  core.provide("provides", function provides(key, run) {
    provided.push({ key: key, run: run });
  });

  return {
    reset: function () { provided = []; },
    used: function () { return provided.length > 0; },
    negotiate: negotiate
  };
})

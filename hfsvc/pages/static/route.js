// What the address says is shown: #/SOURCE/KEY/STEP?query=… It survives a reload, and can be sent to others.

/** What lists and documents can be asked for besides words. Values that are left alone stand for the first. */
export const CHOICES = {
  style: ["structured", "messages"],
  result: ["all", "success", "failure"],
  episodes: ["all", "last"],
};
export const FIELDS = ["agent", "model", "task"];

/** The route of an address: `source` and `key` are null where it names none, `step` is a number from 1 or null. */
export function readRoute(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [source = null, key = null, step = null] = path.split("/").filter(Boolean).map(decoded);
  const given = new URLSearchParams(query);
  const route = {
    source,
    key,
    step: /^[1-9]\d{0,9}$/.test(step) ? Number(step) : null,
    query: given.get("query") ?? "",
  };
  for (const field of FIELDS) {
    route[field] = given.get(field) ?? "";
  }
  for (const [name, values] of Object.entries(CHOICES)) {
    route[name] = values.includes(given.get(name)) ? given.get(name) : values[0];
  }
  return route;
}

/** The address of a route, from its `#` on. */
export function writeRoute(route) {
  const parts = [route.source, route.key, route.step].filter((each) => each !== null && each !== undefined);
  const given = new URLSearchParams();
  for (const name of ["query", ...FIELDS, ...Object.keys(CHOICES)]) {
    const value = route[name];
    if (value && value !== CHOICES[name]?.[0]) {
      given.set(name, value);
    }
  }
  const query = given.size ? `?${given}` : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${query}`;
}

/** The words that the server is asked for: those of the search field, and those of filters as field:word. */
export function wordsOf(route) {
  const filters = FIELDS.flatMap((field) => words(route[field]).map((word) => `${field}:${word}`));
  return [...words(route.query), ...filters].join(" ");
}

/** What lists are asked for. */
export function listParts(route) {
  return { source: route.source, query: wordsOf(route), ...without(route, ["result", "episodes"]) };
}

/** What documents are asked for. */
export function documentParts(route) {
  return { source: route.source, style: route.style };
}

/** Whether two routes show the same list. */
export function isSameList(one, other) {
  return JSON.stringify(listParts(one)) === JSON.stringify(listParts(other));
}

function without(route, names) {
  return Object.fromEntries(names.map((name) => [name, route[name] === CHOICES[name][0] ? null : route[name]]));
}

function words(text) {
  return text.split(/\s+/).filter(Boolean);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

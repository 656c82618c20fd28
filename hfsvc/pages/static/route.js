// What the address says is shown: #/SOURCE/KEY/STEP?query=… It survives a reload, and can be sent to others.

/** What lists and documents can be asked for besides words. Values that are left alone stand for the first. */
export const CHOICES = {
  style: ["structured", "messages"],
  result: ["all", "success", "failure"],
  episodes: ["all", "last"],
};
/** What is searched of a row, as the server says. */
export const SEARCHED = told("fields");
/** What rows are filtered by, as the server says: words that must occur, or "a whole value" in quotation marks. */
export const FIELDS = told("facets").filter((name) => !(name in CHOICES));
/** Parts of a dataset. */
export const PARTS = ["config", "split"];
/** How rows may be stored, where that is not found out. */
export const LAYOUTS = told("layouts");
/** Filters that leave all rows in. */
export const UNFILTERED = { query: "", ...blank(FIELDS), result: "all", episodes: "all" };

/** What names a commit in addresses: some of its digits, and perhaps which files of it are meant. */
const COMMIT = /^[0-9a-f]{7,40}(-[0-9a-f]{6})?$/;
/** What lists can be put in order by; with `-` before it the greatest comes first. */
const SORTED = ["row", "task", "agent", "model", "steps", "result", "date", "cost", "tokens", "duration"];
/** What can stand beside a list, besides a trajectory. */
const VIEWS = ["overview", "messages"];
const QUOTED = /^"(?:[^"]|"")*"$/;

/**
 * The route of an address: `source`, `key` and `commit`, by which rows are numbered, are null where it names none, `step` is a
 * number from 1 or null.
 */
export function readRoute(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [source = null, key = null, step = null] = path.split("/").filter(Boolean).map(decoded);
  const given = new URLSearchParams(query);
  const view = VIEWS.includes(given.get("view")) ? given.get("view") : null;
  const other = key !== null ? given.get("with") : null;
  const route = { view, other, source, key, step: /^[1-9]\d{0,9}$/.test(step) ? Number(step) : null };
  route.commit = key !== null && COMMIT.test(given.get("commit")) ? given.get("commit") : null;
  const sort = given.get("sort") ?? "";
  route.sort = SORTED.includes(sort.replace(/^-/, "")) ? sort : "";
  route.costs = given.get("costs") === "1" ? "1" : "";
  route.text = given.get("text") ?? "";
  route.layout = LAYOUTS.includes(given.get("layout")) ? given.get("layout") : "";
  for (const name of ["query", ...FIELDS, ...PARTS]) {
    route[name] = given.get(name) ?? "";
  }
  for (const [name, values] of Object.entries(CHOICES)) {
    const value = given.get(name);
    route[name] = values.includes(value) || (name === "result" && isQuoted(value)) ? value : values[0];
  }
  return route;
}

/** The address of a route, from its `#` on. */
export function writeRoute(route) {
  const parts = [route.source, route.key, route.step].filter((each) => each !== null && each !== undefined);
  const given = new URLSearchParams();
  if (route.view) {
    given.set("view", route.view);
    route.text && given.set("text", route.text);
  }
  if (route.key !== null && route.other !== null && route.other !== undefined) {
    given.set("with", route.other);
  }
  if (route.key !== null && route.commit) {
    given.set("commit", route.commit);
  }
  for (const name of [...PARTS, "layout", "sort", "costs", "query", ...FIELDS, ...Object.keys(CHOICES)]) {
    const value = route[name];
    if (value && value !== CHOICES[name]?.[0]) {
      given.set(name, value);
    }
  }
  const query = given.size ? `?${given}` : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${query}`;
}

/** A text as a whole value, on one line as fields are: lists take any white space for a space. */
export function quoted(text) {
  return `"${text.replace(/[ \t\r\n]+/g, " ").replaceAll('"', '""')}"`;
}

/** Whether a filter asks for a whole value. */
export function isQuoted(text) {
  return QUOTED.test(text ?? "");
}

/** The words that the server is asked for: those of the search field, and those of filters as field:word. */
export function wordsOf(route) {
  const result = isQuoted(route.result) ? [`result:${route.result}`] : [];
  return [...words(route.query), ...FIELDS.flatMap((field) => termsOf(field, route[field])), ...result].join(" ");
}

function termsOf(field, text) {
  const wanted = isQuoted(text.trim()) ? [text.trim()] : words(text);
  return wanted.map((each) => `${field}:${each}`);
}

/** Whether some rows are left out. */
export function isFiltered(route) {
  return Boolean(wordsOf(route)) || route.result !== "all" || route.episodes !== "all";
}

/** What lists are asked for. */
export function listParts(route) {
  return {
    ...partsOf(route),
    query: wordsOf(route),
    result: isQuoted(route.result) ? null : unlessFirst("result", route),
    episodes: unlessFirst("episodes", route),
  };
}

/** What documents are asked for. */
export function documentParts(route) {
  return { ...partsOf(route), style: route.style, commit: route.commit };
}

/** In which order a list is asked for, and whether with what runs took. */
export function orderParts({ sort, costs }) {
  return { sort, measures: costs ? "true" : "" };
}

/** Whether two routes show the same list in the same order. */
export function isSameOrder(one, other) {
  return isSameList(one, other) && JSON.stringify(orderParts(one)) === JSON.stringify(orderParts(other));
}

/** Whether two routes show the same rows. */
export function isSameList(one, other) {
  return JSON.stringify(listParts(one)) === JSON.stringify(listParts(other));
}

/** Whether two routes show the same document, whichever step of it. */
export function isSameDocument(one, other) {
  return one.key === other.key && JSON.stringify(documentParts(one)) === JSON.stringify(documentParts(other));
}

/** A list that the server has written into the page. */
function told(name) {
  return document.documentElement.dataset[name].split(" ");
}

function blank(names) {
  return Object.fromEntries(names.map((name) => [name, ""]));
}

function partsOf({ source, config, split, layout }) {
  return { source, config, split, layout };
}

function unlessFirst(name, route) {
  return route[name] === CHOICES[name][0] ? null : route[name];
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

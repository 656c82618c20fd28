// Texts of strangers as they are shown: as text, with everything that hides or reorders it made visible.

import { button, h } from "./dom.js";

// Colours of terminals; line ends of both kinds; controls; what reorders, joins or hides.
const SPECIAL = new RegExp(
  "\\x1b\\[[0-9;:]*m|\\r\\n|[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f" +
    "\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|[\\u{e0000}-\\u{e007f}]",
  "gu",
);
const CUT_CHARACTERS = 3000;
const CUT_LINES = 40;
const SEGMENT_CHARACTERS = 1 << 15;
const MARKED_CHARACTERS = 1 << 16;

/** The name of a field as people write it: "trace_source" is "trace source". */
export function spoken(name) {
  return name.replaceAll("_", " ");
}

/** What stands for a special character; colours stand for nothing, line ends for themselves. */
function markOf(found) {
  if (found.startsWith("\x1b[")) {
    return "";
  }
  const code = found.codePointAt(0);
  if (code < 0x20) {
    return found === "\r\n" ? "\n" : String.fromCodePoint(0x2400 + code);
  }
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** A text with marks instead of special characters. */
export function plain(text) {
  return text.replace(SPECIAL, markOf);
}

/** The same on one line, not longer than a number of characters. */
export function oneLine(text, longest = 300) {
  return plain(
    text
      .slice(0, longest * 2)
      .replace(/\s+/g, " ")
      .trim(),
  ).slice(0, longest);
}

/** The nodes of a text: marks stand out from it, unless it is so long that they would be too many. */
export function nodesOf(text) {
  if (text.length > MARKED_CHARACTERS) {
    return [plain(text)];
  }
  const nodes = [];
  let after = 0;
  for (const found of text.matchAll(SPECIAL)) {
    const mark = markOf(found[0]);
    nodes.push(text.slice(after, found.index));
    nodes.push(mark === "" || mark === "\n" ? mark : h("span.mark", { title: "A character that is not shown" }, mark));
    after = found.index + found[0].length;
  }
  nodes.push(text.slice(after));
  return nodes.filter((each) => each !== "");
}

/** Where a long text is cut: after so many characters or lines, whichever is less. */
export function cutAt(text, characters = CUT_CHARACTERS, lines = CUT_LINES) {
  let end = -1;
  for (let line = 0; line < lines; line += 1) {
    end = text.indexOf("\n", end + 1);
    if (end < 0 || end > characters) {
      end = text.length;
      break;
    }
  }
  const cut = Math.min(end, characters);
  // What is a little too long is shown whole: a button for two lines helps nobody.
  return text.length - cut < characters / 10 ? text.length : cut;
}

/** A text in pieces at line ends, so that a browser lays out only those that are seen. */
export function segments(text, length = SEGMENT_CHARACTERS) {
  const found = [];
  for (let start = 0; start < text.length;) {
    const line = text.lastIndexOf("\n", start + length);
    const end = start + length >= text.length ? text.length : line > start ? line + 1 : start + length;
    found.push(text.slice(start, end));
    start = end;
  }
  return found;
}

/** A text as a block, cut where it is long, with a button for the rest. Blank lines at its end are left out. */
export function block(given, { kind = "said", label = "Text" } = {}) {
  const text = given.trimEnd() || given;
  const cut = cutAt(text);
  const shown = h("div", { class: `text ${kind}`, dir: "auto" }, nodesOf(text.slice(0, cut)));
  if (cut === text.length) {
    return shown;
  }
  const all = `Show all ${text.length.toLocaleString("en")} characters`;
  const more = button(
    all,
    () => {
      const open = more.getAttribute("aria-expanded") !== "true";
      more.setAttribute("aria-expanded", open);
      more.textContent = open ? "Show less" : all;
      shown.replaceChildren(...(open ? whole(text) : nodesOf(text.slice(0, cut))));
      shown.classList.toggle("cut", !open);
    },
    { class: "more", "aria-expanded": "false", "aria-label": `${label}: ${all}` },
  );
  shown.classList.add("cut");
  return h("div.block", {}, shown, more);
}

function whole(text) {
  if (text.length <= SEGMENT_CHARACTERS) {
    return nodesOf(text);
  }
  return segments(text).map((each) =>
    h("div.segment", {}, text.length > MARKED_CHARACTERS ? plain(each) : nodesOf(each)),
  );
}

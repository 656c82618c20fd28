// Names and values.

import { asText } from "./contents.js";
import { h } from "./dom.js";
import { block, oneLine } from "./text.js";

/** Names and values, without those that are missing. */
export function facts(given) {
  const shown = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  const pairs = shown.map(([name, value]) =>
    h(
      "div",
      {},
      h("dt", {}, oneLine(name, 80)),
      h("dd", {}, block(asText(value), { kind: "fact", label: oneLine(name, 80) })),
    ),
  );
  return h("dl.facts", {}, pairs);
}

// What a row's result says of its run, as the filters of the server judge it.

import { h } from "./dom.js";
import { oneLine } from "./text.js";

const GOOD = [
  ..."true yes pass passed success succeeded successful resolved solved resolved_full".split(" "),
  ..."correct right ok okay accepted".split(" "),
];
const BAD = "false no fail failed failure unresolved unsolved error incorrect wrong".split(" ");
const NOTHING = [
  ..."nan none null n/a na <na> - [] {}".split(" "),
  ..."complete completed done finished submitted unknown pending running skipped".split(" "),
];
const SAID = Object.fromEntries([...GOOD.map((word) => [word, true]), ...BAD.map((word) => [word, false])]);

/** "success", "failure", or null where there is no result, or one that does not say how the run ended. */
export function verdictOf(result) {
  const text = String(result ?? "").trim();
  if (!text || NOTHING.includes(text.toLowerCase())) {
    return null;
  }
  return (SAID[text.toLowerCase()] ?? Number(text) > 0) ? "success" : "failure";
}

/** A result as it is written, coloured by what it says; null for none. */
export function resultChip(result) {
  const verdict = verdictOf(result);
  return verdict && h(`span.chip.${verdict}`, { title: `Result: ${oneLine(String(result))}` }, oneLine(String(result), 40));
}

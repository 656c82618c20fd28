// What a row's result says of its run, as the filters of the server judge it.

import { h } from "./dom.js";
import { oneLine } from "./text.js";

const GOOD = ["true", "yes", "pass", "passed", "success", "succeeded", "successful", "resolved", "solved"];
const BAD = ["false", "no", "fail", "failed", "failure", "unresolved", "unsolved", "error"];
const SAID = Object.fromEntries([...GOOD.map((word) => [word, true]), ...BAD.map((word) => [word, false])]);

/** "success", "failure", or null where there is no result. */
export function verdictOf(result) {
  const text = String(result ?? "").trim();
  if (!text || text.toLowerCase() === "nan") {
    return null;
  }
  return (SAID[text.toLowerCase()] ?? Number(text) > 0) ? "success" : "failure";
}

/** A result as it is written, coloured by what it says; null for none. */
export function resultChip(result) {
  const verdict = verdictOf(result);
  return verdict && h(`span.chip.${verdict}`, { title: `Result: ${oneLine(String(result))}` }, oneLine(String(result), 40));
}

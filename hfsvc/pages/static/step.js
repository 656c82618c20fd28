// One step of a trajectory: a line that tells what it is, and below it, once it is opened, all of it.

import { commandOf, excerptOf, gistOf, hasError } from "./contents.js";
import { freshId, h } from "./dom.js";
import { bodyOf } from "./step-body.js";
import { nodesOf, oneLine } from "./text.js";
import { between, count, dollars, duration } from "./units.js";

const PREVIEW_CHARACTERS = 240;
const NAMED_CALLS = 3;
const COMMAND_CHARACTERS = 60;
const SPEAKERS = { system: "System", user: "User", agent: "Agent" };

/**
 * Steps that follow each other, as elements.
 * @param {Object[]} steps As ATIF has them.
 * @param {Object} given
 * @param {(number: number) => string|null} given.link Where a step is found again.
 * @param {(reference: Object) => Element} given.refer Shows what a reference to a subagent's trajectory leads to.
 * @param {Object|null} [before] The step before the first of them.
 */
export function stepElements(steps, given, before = null) {
  return steps.map((step, index) => stepElement(step, { ...given, before: steps[index - 1] ?? before }));
}

/**
 * A step as an element with `toggle(open)`, `isOpen`, `fill` and `mark(words)`; `failed` tells whether it speaks of an error.
 * @param {Object} step As ATIF has it.
 * @param {Object} given As for `stepElements`; `before` is the step before it.
 */
function stepElement(step, given) {
  const failed = hasError(step, given.before?.source === "agent");
  const body = h("div.body", { id: freshId(), hidden: "until-found" });
  const preview = h("span.preview", { dir: "auto" });
  const head = h(
    "button.summary",
    { type: "button", "aria-expanded": "false", "aria-controls": body.id },
    headline(step, preview, { failed, before: given.before }),
  );
  const element = h(`article.step.${SPEAKERS[step.source] ? step.source : "system"}`, {}, h("h3", {}, head), body);
  const methods = {
    step,
    failed,
    isOpen: () => head.getAttribute("aria-expanded") === "true",
    fill: () => body.firstChild ?? body.append(...bodyOf(step, { ...given, link: given.link(step.step_id) })),
    toggle: (open) => {
      open && element.fill();
      open ? body.removeAttribute("hidden") : body.setAttribute("hidden", "until-found");
      head.setAttribute("aria-expanded", open);
    },
    mark: (words) => preview.replaceChildren(...previewOf(step, words)),
  };
  Object.assign(element, methods);
  element.mark("");
  head.addEventListener("click", () => element.toggle(!element.isOpen()));
  // The browser's own search has found something in it, and opens it.
  body.addEventListener("beforematch", () => element.toggle(true));
  return element;
}

function headline(step, preview, { failed, before }) {
  const names = (step.tool_calls ?? []).map(callChip);
  const shown = names.length > NAMED_CALLS ? [...names.slice(0, NAMED_CALLS), `+${names.length - NAMED_CALLS}`] : names;
  return [
    h("span.number", {}, `${step.step_id}`),
    h("span.speaker", {}, SPEAKERS[step.source] ?? oneLine(step.source, 20)),
    preview,
    h(
      "span.chips",
      {},
      shown.map((call) => h("span.chip.tool", { title: call }, call)),
      step.is_copied_context ? h("span.chip", { title: "Copied from an earlier trajectory" }, "copied") : null,
      failed ? h("span.chip.error", {}, "error") : null,
      metricsOf(step.metrics),
      waitOf(step, before),
    ),
  ];
}

/** A call in a few words: its tool, and the command or whatever else says what it was called for. */
function callChip(call) {
  const name = oneLine(call.function_name, 40);
  const told = oneLine(commandOf(call), COMMAND_CHARACTERS);
  return told ? `${name}: ${told}` : name;
}

/** One line of a step: around words that are looked for, else its gist. */
function previewOf(step, words) {
  const found = words && excerptOf(step, words);
  if (!found) {
    return [oneLine(gistOf(step).slice(0, PREVIEW_CHARACTERS * 4), PREVIEW_CHARACTERS) || "(empty)"];
  }
  const [before, hit, after] = found.map((each) => each.replace(/\s+/g, " "));
  return ["… ", ...nodesOf(before), h("mark", {}, oneLine(hit)), ...nodesOf(after)];
}

function metricsOf(metrics) {
  if (!metrics) {
    return null;
  }
  const { prompt_tokens: into, completion_tokens: out, cost_usd: cost } = metrics;
  const parts = [into && `${count(into)} in`, out && `${count(out)} out`, cost && dollars(cost)].filter(Boolean);
  return parts.length ? h("span.metrics", { title: "Tokens and cost" }, parts.join(" · ")) : null;
}

/** How long after the step before it a step came, where both say when. */
function waitOf(step, before) {
  const seconds = between(before?.timestamp, step.timestamp);
  return seconds > 0 ? h("span.metrics", { title: oneLine(step.timestamp, 40) }, `+${duration(seconds)}`) : null;
}

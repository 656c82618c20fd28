// One step of a trajectory: a line that tells what it is, and below it, once it is opened, all of it.

import { button, copy, copyButton, disclosure, freshId, h } from "./dom.js";
import { block, count, counted, oneLine } from "./text.js";

const PREVIEW_CHARACTERS = 240;
const NAMED_CALLS = 3;
const SHORT_CHARACTERS = 100;
const SEARCHED_CHARACTERS = 200_000;
const ERROR = /\b(error|exception|traceback|fatal|failed|failure|panic|denied|not found|no such file)\b/i;
const SPEAKERS = { system: "System", user: "User", agent: "Agent" };

/** The text of a message: parts that are no text are named, and never loaded. */
export function textOf(content) {
  if (!Array.isArray(content)) {
    return content ?? "";
  }
  return content.map((part) => (part.type === "text" ? part.text : `[${part.type}: ${part.source.path}]`)).join("\n");
}

/** Whether a step calls tools. */
export function hasTools(step) {
  return Boolean(step.tool_calls?.length);
}

/** Whether what came back in a step speaks of an error: a guess from its words, as documents do not say. */
export function hasError(step) {
  return answersOf(step).some((text) => ERROR.test(text.slice(0, SEARCHED_CHARACTERS)));
}

function answersOf(step) {
  if (step.observation) {
    return step.observation.results.map((result) => textOf(result.content));
  }
  return step.source !== "agent" && step.step_id > 1 ? [textOf(step.message)] : [];
}

/** Whether a text occurs anywhere in a step, ignoring case. */
export function mentions(step, wanted) {
  return JSON.stringify(step).toLowerCase().includes(JSON.stringify(wanted.toLowerCase()).slice(1, -1));
}

/**
 * A step as an element with `toggle(open)` and `isOpen`.
 * @param {Object} step As ATIF has it.
 * @param {string|null} link Where the step is found again.
 */
export function stepElement(step, link) {
  const body = h("div.body", { id: freshId(), hidden: true });
  const head = h(
    "button.summary",
    { type: "button", "aria-expanded": "false", "aria-controls": body.id },
    headline(step),
  );
  const element = h(`article.step.${SPEAKERS[step.source] ? step.source : "system"}`, {}, h("h3", {}, head), body);
  element.step = step;
  element.isOpen = () => !body.hidden;
  element.toggle = (open) => {
    if (open && !body.firstChild) {
      body.append(...bodyOf(step, link));
    }
    body.hidden = !open;
    head.setAttribute("aria-expanded", open);
  };
  head.addEventListener("click", () => element.toggle(body.hidden));
  return element;
}

function headline(step) {
  const names = (step.tool_calls ?? []).map((call) => oneLine(call.function_name, 40));
  const shown = names.length > NAMED_CALLS ? [...names.slice(0, NAMED_CALLS), `+${names.length - NAMED_CALLS}`] : names;
  const calls = shown.map((name) => h("span.chip.tool", {}, name));
  const error = hasError(step) ? h("span.chip.error", {}, "error") : null;
  return [
    h("span.number", {}, `${step.step_id}`),
    h("span.speaker", {}, SPEAKERS[step.source] ?? oneLine(step.source, 20)),
    h("span.preview", { dir: "auto" }, preview(step)),
    h("span.chips", {}, calls, error, metricsOf(step.metrics)),
  ];
}

function preview(step) {
  const call = step.tool_calls?.[0];
  const said = textOf(step.message).slice(0, PREVIEW_CHARACTERS * 4);
  const text =
    said.trim() ||
    (call ? Object.values(call.arguments).map(asText).join(" ") : "") ||
    step.reasoning_content ||
    answersOf(step)[0];
  return oneLine(text ?? "", PREVIEW_CHARACTERS) || "(empty)";
}

function metricsOf(metrics) {
  if (!metrics) {
    return null;
  }
  const { prompt_tokens: into, completion_tokens: out, cost_usd: cost } = metrics;
  const parts = [into && `${count(into)} in`, out && `${count(out)} out`, cost && `$${cost.toFixed(4)}`].filter(
    Boolean,
  );
  return parts.length ? h("span.metrics", { title: "Tokens and cost" }, parts.join(" · ")) : null;
}

function bodyOf(step, link) {
  const said = textOf(step.message);
  return [
    step.reasoning_content
      ? section("Reasoning", block(step.reasoning_content, { kind: "thought", label: "Reasoning" }))
      : null,
    said ? section("Message", block(said, { label: "Message" })) : null,
    ...(step.tool_calls ?? []).map(callElement),
    ...(step.observation?.results ?? []).map((result) => resultElement(result, step)),
    toolbar(step, link, said),
  ].filter(Boolean);
}

/** A titled part of a step. */
export function section(title, ...children) {
  return h("section", {}, h("h4", {}, title), children);
}

function callElement(call) {
  const given = Object.entries(call.arguments).map(([name, value]) => argument(oneLine(name, 80), asText(value)));
  const title = [
    "Tool call ",
    h("code", {}, oneLine(call.function_name, 80)),
    h("span.id", {}, oneLine(call.tool_call_id, 60)),
  ];
  return h("section.call", {}, h("h4", {}, title), given.length ? given : h("p.nothing", {}, "No arguments"));
}

function argument(name, text) {
  const short = text.length < SHORT_CHARACTERS && !text.trimEnd().includes("\n");
  return h(
    `div.argument${short ? ".short" : ""}`,
    {},
    h("span.name", {}, name),
    block(text, { kind: "code", label: name }),
  );
}

function resultElement(result, step) {
  const text = textOf(result.content);
  const call = result.source_call_id ? h("span.id", {}, oneLine(result.source_call_id, 60)) : null;
  const others = (result.subagent_trajectory_ref ?? []).map((each) =>
    block(JSON.stringify(each, null, 2), { kind: "code" }),
  );
  const content = text ? block(text, { kind: "output", label: "Observation" }) : h("p.nothing", {}, "Nothing");
  return h("section.observation", {}, h("h4", {}, "Observation", call), content, others, extraOf(result));
}

function extraOf({ extra }) {
  return extra ? block(JSON.stringify(extra, null, 2), { kind: "code", label: "Extra" }) : null;
}

function factsOf({
  timestamp,
  model_name: model,
  reasoning_effort: effort,
  is_copied_context: copied,
  metrics,
  extra,
}) {
  const { prompt_token_ids: before, completion_token_ids: after, logprobs, extra: more, ...numbers } = metrics ?? {};
  return {
    timestamp,
    model,
    reasoning_effort: effort,
    copied_context: copied,
    ...numbers,
    ...more,
    ...extra,
    ...lengths({ before, after, logprobs }),
  };
}

function lengths(lists) {
  const given = Object.entries(lists).filter(([, list]) => list);
  return Object.fromEntries(
    given.map(([name, list]) => [name === "logprobs" ? name : `tokens_${name}`, counted(list.length, "number")]),
  );
}

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

function asText(value) {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

function toolbar(step, link, said) {
  const json = () => JSON.stringify(step, null, 2);
  const known = Object.values(factsOf(step)).some((value) => value !== null && value !== undefined);
  const more = [
    known ? disclosure("Facts", () => facts(factsOf(step))) : [null, null],
    disclosure("JSON", () => block(json(), { kind: "code", label: "JSON" })),
  ];
  const links = link
    ? [
        h("a.quiet", { href: link }, "Link"),
        button("Copy link", () => copy(new URL(link, location.href).href), { class: "quiet" }),
      ]
    : [];
  const copies = [said ? copyButton("Copy message", () => said) : null, copyButton("Copy JSON", json)];
  return h(
    "div.stepbar",
    {},
    copies,
    links,
    more.map(([toggle]) => toggle),
    more.map(([, content]) => content),
  );
}

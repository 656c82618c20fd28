// All of a step: reasoning, message, tool calls with their arguments, observations, and what else is known of it.

import { asText, textOf } from "./contents.js";
import { copyButton, copyLink, disclosure, h } from "./dom.js";
import { facts } from "./facts.js";
import { block, oneLine } from "./text.js";
import { counted } from "./units.js";

const SHORT_CHARACTERS = 100;

/**
 * The parts of an opened step.
 * @param {Object} step As ATIF has it.
 * @param {Object} given As for `stepElement`.
 */
export function bodyOf(step, given) {
  const [said, thought] = [textOf(step.message), step.reasoning_content];
  return [
    thought ? copied("Reasoning", thought, block(thought, { kind: "thought", label: "Reasoning" })) : null,
    said ? copied("Message", said, saidIn(step.message, { kind: "said", label: "Message" })) : null,
    ...actsOf(step, given),
    toolbar(step, given.link),
  ].filter(Boolean);
}

/** A titled part. */
export function section(title, ...children) {
  return h("section", {}, h("h4", {}, title), children);
}

function copied(title, text, ...children) {
  return h("section", {}, h("div.heading", {}, h("h4", {}, title), copyOf(title, text)), children);
}

function copyOf(what, text) {
  return copyButton("Copy", () => text, { class: "quiet copy", "aria-label": `Copy ${what}` });
}

/** Every call, and below it what came of it; then what came of the step as a whole. */
function actsOf(step, given) {
  const left = new Set(step.observation?.results);
  const acts = (step.tool_calls ?? []).flatMap((call) => {
    const own = [...left].filter((result) => result.source_call_id === call.tool_call_id);
    own.forEach((result) => left.delete(result));
    return [callElement(call), ...own.map((result) => resultElement(result, given))];
  });
  return [...acts, ...[...left].map((result) => resultElement(result, given))];
}

/** The blocks of a content. What is no text is named, and never loaded. */
function saidIn(content, look) {
  if (!Array.isArray(content)) {
    return content ? [block(content, look)] : [];
  }
  return content.map((part) => (part.type === "text" ? block(part.text, look) : mediaElement(part)));
}

function mediaElement({ type, source }) {
  const about = [source.media_type, source.duration_sec && `${source.duration_sec} s`].filter(Boolean).join(", ");
  return h(
    "p.media",
    { title: "Not loaded: nothing is, of what trajectories name" },
    h("span.chip", {}, type),
    h("code", {}, oneLine(source.path, 300)),
    h("span.id", {}, oneLine(about, 80)),
  );
}

function callElement(call) {
  const given = Object.entries(call.arguments).map(([name, value]) => argument(oneLine(name, 80), asText(value)));
  const title = [
    "Tool call ",
    h("code", {}, oneLine(call.function_name, 80)),
    h("span.id", {}, oneLine(call.tool_call_id, 60)),
  ];
  return h("section.call", {}, h("h4", {}, title), given.length ? given : h("p.nothing", {}, "No arguments"), extraOf(call));
}

function argument(name, text) {
  const short = text.length < SHORT_CHARACTERS && !text.trimEnd().includes("\n");
  return h(
    `div.argument${short ? ".short" : ""}`,
    {},
    h("span.name", {}, name, short ? null : copyOf(name, text)),
    block(text, { kind: "code", label: name }),
  );
}

function resultElement(result, given) {
  const call = result.source_call_id ? h("span.id", {}, oneLine(result.source_call_id, 60)) : null;
  const others = (result.subagent_trajectory_ref ?? []).map(given.refer);
  const said = saidIn(result.content, { kind: "output", label: "Observation" });
  const nothing = said.length || others.length ? null : h("p.nothing", {}, "Nothing");
  const text = textOf(result.content);
  const heading = h("div.heading", {}, h("h4", {}, "Observation", call), text && copyOf("Observation", text));
  return h("section.observation", {}, heading, said, nothing, others, extraOf(result));
}

function extraOf({ extra }) {
  return extra ? disclosure("Extra", () => block(JSON.stringify(extra, null, 2), { kind: "code", label: "Extra" })) : [];
}

function factsOf({
  timestamp,
  model_name: model,
  reasoning_effort: effort,
  is_copied_context: copied,
  llm_call_count: calls,
  metrics,
  extra,
}) {
  const { prompt_token_ids: before, completion_token_ids: after, logprobs, extra: more, ...numbers } = metrics ?? {};
  return {
    timestamp,
    model,
    reasoning_effort: effort,
    copied_context: copied,
    llm_calls: calls,
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

function toolbar(step, link) {
  const json = () => JSON.stringify(step, null, 2);
  const known = Object.values(factsOf(step)).some((value) => value !== null && value !== undefined);
  const more = [
    known ? disclosure("Facts", () => facts(factsOf(step))) : [null, null],
    disclosure("JSON", () => block(json(), { kind: "code", label: "JSON" })),
  ];
  return h(
    "div.stepbar",
    {},
    copyButton("Copy JSON", json),
    link && copyLink("Copy link", link),
    more.map(([toggle]) => toggle),
    more.map(([, content]) => content),
  );
}

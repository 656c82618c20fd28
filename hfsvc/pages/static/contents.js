// What a step says, as text: for what is shown of it, and for what is looked for in it.

const SEARCHED_CHARACTERS = 200_000;
const EXCERPT_BEFORE = 24;
const EXCERPT_AFTER = 160;
const COMMANDS = ["command", "cmd", "keystrokes", "commands", "code", "query", "path", "file_path", "url"];
const ERROR = /\b(error|exception|traceback|fatal|failed|failure|panic|denied|not found|no such file)\b/i;

/** The text of a message; parts that are no text are named. */
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

/**
 * Whether what came back in a step speaks of an error: a guess from its words, as documents do not say.
 * @param {Object} step As ATIF has it.
 * @param {boolean} answers Whether it follows one of the agent's: then a message of others is an answer, too.
 */
export function hasError(step, answers) {
  return answersOf(step, answers).some((text) => ERROR.test(text.slice(0, SEARCHED_CHARACTERS)));
}

function answersOf(step, answers) {
  if (step.observation) {
    return step.observation.results.map((result) => textOf(result.content));
  }
  return answers && step.source !== "agent" ? [textOf(step.message)] : [];
}

/** All texts of a step that people read. */
function textsOf(step) {
  const calls = (step.tool_calls ?? []).flatMap((call) => [
    call.function_name,
    ...Object.entries(call.arguments).flatMap(([name, value]) => [name, asText(value)]),
  ]);
  const results = (step.observation?.results ?? []).map((result) => textOf(result.content));
  return [step.reasoning_content ?? "", textOf(step.message), ...calls, ...results];
}

/** Where a step mentions some words, ignoring case: the text before, the words, and after; null where it does not. */
export function excerptOf(step, wanted) {
  const pattern = patternOf(wanted);
  for (const text of textsOf(step)) {
    const found = pattern.exec(text);
    if (found) {
      const end = found.index + found[0].length;
      const start = Math.max(0, found.index - EXCERPT_BEFORE);
      return [text.slice(start, found.index), found[0], text.slice(end, end + EXCERPT_AFTER)];
    }
  }
  return null;
}

/** A pattern for words as they are, ignoring case; any white space is any other. */
export function patternOf(words, flags = "i") {
  const escaped = words.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(escaped.replace(/\s+/g, "\\s+"), flags);
}

/** What stands for a step in one line: what it says, else what it does, else what came of it. */
export function gistOf(step) {
  const said = textOf(step.message);
  const call = step.tool_calls?.[0];
  const done = call ? Object.values(call.arguments).map(asText).join(" ") : "";
  return said.trim() ? said : done || step.reasoning_content || answersOf(step, false)[0] || "";
}

/** What a call is for, in one text: its command, else the first of its arguments that is a text; empty where none is. */
export function commandOf({ arguments: given }) {
  const named = COMMANDS.map((name) => given[name]).find((value) => value !== undefined && value !== null);
  const value = named ?? Object.values(given).find((each) => typeof each === "string") ?? "";
  return Array.isArray(value) ? value.map(asText).join(" ") : asText(value);
}

/** A value as text: itself, or its JSON. */
export function asText(value) {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

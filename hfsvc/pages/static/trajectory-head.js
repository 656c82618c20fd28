// What stands above the steps of a trajectory: its name, what it is of, its totals, and all else that its document tells.

import { disclosure, h } from "./dom.js";
import { facts } from "./facts.js";
import { section } from "./step-body.js";
import { subagentElement } from "./subagents.js";
import { block, oneLine } from "./text.js";
import { between, count, counted, dollars, duration, moment } from "./units.js";
import { resultChip } from "./verdict.js";

// What documents made of rows have where the row does not say.
const UNKNOWN = "unknown";

/** The title of a trajectory, as text: its task where it names one. */
export function titleOf(trajectory, row) {
  const { task } = trajectory.extra ?? {};
  return oneLine(typeof task === "string" ? task : (trajectory.session_id ?? `row ${row}`), 200);
}

/** Who acted, when, how much: what people look for first. `total` is the number of steps, `messages` that of the row's messages. */
export function marksOf(trajectory, row, total, messages) {
  const { date, result, episode } = trajectory.extra ?? {};
  const marks = [
    resultChip(result),
    `row ${row}`,
    trajectory.agent.name !== UNKNOWN && oneLine(trajectory.agent.name, 60),
    oneLine(trajectory.agent.model_name ?? "", 80),
    typeof episode === "string" && oneLine(episode, 40),
    typeof date === "string" && moment(date),
    messages && messages !== total ? `${counted(total, "step")} of ${counted(messages, "message")}` : counted(total, "step"),
    ...totalsOf(trajectory.final_metrics ?? {}),
    trajectory.steps.length === total && lengthOf(trajectory.steps),
  ];
  return h(
    "p.marks",
    {},
    marks.filter(Boolean).map((each) => h("span", {}, each)),
  );
}

function totalsOf({ total_prompt_tokens: into, total_completion_tokens: out, total_cost_usd: cost }) {
  return [into && `${count(into)} tokens in`, out && `${count(out)} out`, cost && dollars(cost)];
}

function lengthOf(steps) {
  const times = steps.map((step) => step.timestamp).filter(Boolean);
  const seconds = between(times[0], times.at(-1));
  return seconds > 0 ? duration(seconds) : null;
}

/** All that a document tells besides its steps, behind a button. */
export function about(trajectory) {
  const { steps: _, agent, extra, final_metrics: totals, subagent_trajectories: others, ...rest } = trajectory;
  const { tool_definitions: tools, extra: more, ...who } = agent;
  const { extra: added, ...numbers } = totals ?? {};
  const named = { ...prefixed("agent", { ...who, ...more }), ...rest, ...numbers, ...added, ...extra };
  const make = () => [facts(named), toolsOf(tools ?? []), subagentList(others ?? [])].filter(Boolean);
  return h("div.about", {}, disclosure("About this trajectory", make, { class: "disclose" }));
}

function prefixed(prefix, values) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name === "name" ? prefix : `${prefix}.${name}`, value]),
  );
}

function toolsOf(tools) {
  const all = block(JSON.stringify(tools, null, 2), { kind: "code", label: "Tool definitions" });
  return tools.length ? section(counted(tools.length, "tool definition"), all) : null;
}

function subagentList(others) {
  const title = counted(others.length, "subagent trajectory", "subagent trajectories");
  return others.length ? section(title, others.map(subagentElement)) : null;
}

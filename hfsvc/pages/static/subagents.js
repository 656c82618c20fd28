// Trajectories inside a trajectory: what a step delegated, as steps below it.

import { disclosure, h } from "./dom.js";
import { facts } from "./facts.js";
import { stepElements } from "./step.js";
import { oneLine } from "./text.js";
import { counted } from "./units.js";

/** What shows where a document's references lead: the steps of those that it holds, the names of all others. */
export function referring({ subagent_trajectories: held }) {
  const found = new Map((held ?? []).filter((each) => each.trajectory_id).map((each) => [each.trajectory_id, each]));
  return (reference) => {
    const trajectory = found.get(reference.trajectory_id);
    return trajectory ? subagentElement(trajectory) : elsewhere(reference);
  };
}

/** A trajectory inside another one: its steps are made when they are looked at. */
export function subagentElement(trajectory) {
  const { agent, steps, final_metrics: totals } = trajectory;
  const title = `Subagent ${oneLine(agent.name, 60)} · ${counted(steps.length, "step")}`;
  const make = () => [
    ...(totals ? [facts(totals)] : []),
    ...stepElements(steps, { link: () => null, refer: referring(trajectory) }),
  ];
  return h("div.subagent", {}, disclosure(title, make, { class: "disclose" }));
}

function elsewhere({ trajectory_id: trajectory, session_id: session, trajectory_path: path, extra }) {
  const said = h("p.nothing", {}, "A subagent's trajectory, which is not part of this document");
  return h("div.subagent", {}, said, facts({ trajectory, session, path, ...extra }));
}

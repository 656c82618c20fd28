// <hf-trajectory>: one trajectory, its steps as an accordion. Of long ones the parts are fetched that are looked at.

import { announce, button, disclosure, h } from "./dom.js";
import { isAborted } from "./api.js";
import { facts, hasError, hasTools, mentions, stepElement } from "./steps.js";
import { block, counted, moment, oneLine } from "./text.js";
import { failed, loading } from "./states.js";

/** Steps that are fetched together. */
export const PART_STEPS = 50;
const ONLY = { all: () => true, tools: hasTools, errors: hasError };

class TrajectoryView extends HTMLElement {
  /**
   * Show a document.
   * @param {Object} given
   * @param {(offset: number, limit: number, signal: AbortSignal) => Promise<{row, total, trajectory}>} given.fetchSteps
   * @param {(row: number, step: number|null) => string|null} given.link Address of a step, or of the document.
   * @param {number|null} given.step To open at; from 1.
   * @param {(row: number) => (Node|null)[]} given.tools More for the head.
   * @param {(page: {row, total, trajectory}) => void} [given.opened] Called once the document is here.
   */
  async show(given) {
    this._stop?.abort();
    this._stop = new AbortController();
    this._given = given;
    this._parts = null;
    this._step = given.step;
    this.replaceChildren(loading("Opening the trajectory …"));
    const part = given.step ? Math.floor((given.step - 1) / PART_STEPS) : 0;
    try {
      const page = await given.fetchSteps(part * PART_STEPS, PART_STEPS, this._stop.signal);
      this._build(page, part);
      given.opened?.(page);
      this.goTo(this._step);
    } catch (error) {
      if (!isAborted(error)) {
        this.replaceChildren(failed(error, () => this.show(given)));
      }
    }
  }

  /** Open a step, bring it into view and give it the focus; without one the focus goes to the title. */
  async goTo(step) {
    this._step = step;
    if (!this._parts) {
      return;
    }
    if (!step) {
      this._title.focus({ preventScroll: true });
      return;
    }
    const part = this._parts[Math.floor((step - 1) / PART_STEPS)];
    await part?.fill();
    const element = this._steps().find((each) => each.step.step_id === step);
    if (!element) {
      announce(`There is no step ${step}`);
      return;
    }
    this._steps().forEach((each) => each.classList.toggle("linked", each === element));
    element.toggle(true);
    element.scrollIntoView({ block: "start" });
    element.querySelector("button").focus({ preventScroll: true });
  }

  /** Move the focus from step to step. */
  move(by) {
    const shown = this._steps().filter((each) => !each.hidden);
    const now = shown.findIndex((each) => each.contains(document.activeElement));
    const next = shown[Math.min(Math.max(0, now + by), shown.length - 1)];
    next?.querySelector("button").focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  /** Open or close all steps; those that are fetched later follow. */
  openAll(open) {
    this._allOpen = open;
    this._steps().forEach((each) => each.toggle(open));
    announce(open ? "All steps opened" : "All steps closed");
  }

  /** The field that looks for words in steps. */
  get search() {
    return this.querySelector("input[type=search]");
  }

  disconnectedCallback() {
    this._stop?.abort();
    this._watch?.disconnect();
  }

  _build({ row, total, trajectory }, first) {
    this._row = row;
    this._filter = { only: "all", words: "" };
    this._allOpen ??= false;
    this._watch?.disconnect();
    this._watch = new IntersectionObserver((seen) => this._seen(seen), { root: this, rootMargin: "800px" });
    this._parts = Array.from({ length: Math.ceil(total / PART_STEPS) }, (_, number) => this._makePart(number, total));
    this._parts[first]?.take(trajectory.steps);
    const list = h("div.steps", { role: "region", "aria-label": "Steps" }, this._parts);
    this.replaceChildren(this._makeHead(trajectory, total), about(trajectory), this._makeBar(total), list);
    this._parts.forEach((part) => this._watch.observe(part));
  }

  _makeHead(trajectory, total) {
    const { task, date, result, episode } = trajectory.extra ?? {};
    const name = typeof task === "string" ? task : (trajectory.session_id ?? `row ${this._row}`);
    this._title = h("h2", { tabindex: -1 }, oneLine(name, 200));
    const marks = [
      `row ${this._row}`,
      oneLine(trajectory.agent.name, 60),
      oneLine(trajectory.agent.model_name ?? "", 80),
      typeof episode === "string" && oneLine(episode, 40),
      typeof date === "string" && moment(date),
      result !== undefined && result !== null && `result ${oneLine(String(result), 40)}`,
      counted(total, "step"),
    ];
    const tools = this._given.tools(this._row);
    return h(
      "header.head",
      {},
      h("div.title", {}, this._title, h("div.tools", {}, tools)),
      h(
        "p.marks",
        {},
        marks.filter(Boolean).map((each) => h("span", {}, each)),
      ),
    );
  }

  _makeBar(total) {
    const only = Object.entries({ all: "All", tools: "Tool calls", errors: "Errors" }).map(([name, label]) =>
      button(label, () => this._choose({ only: name }), { "aria-pressed": name === "all", data: { only: name } }),
    );
    const find = h("input", { type: "search", placeholder: "Find in steps", "aria-label": "Find in steps" });
    find.addEventListener("input", () => {
      clearTimeout(this._typing);
      this._typing = setTimeout(() => this._choose({ words: find.value.trim() }), 200);
    });
    this._found = h("span.found", { role: "status" }, counted(total, "step"));
    return h(
      "div.bar",
      { role: "toolbar", "aria-label": "Steps" },
      h("span.group", { role: "group", "aria-label": "Which steps" }, only),
      find,
      this._found,
      h(
        "span.group.end",
        {},
        button("Expand all", () => this.openAll(true)),
        button("Collapse all", () => this.openAll(false)),
      ),
    );
  }

  /** A part of the steps: an empty box of about their height until it is looked at. */
  _makePart(number, total) {
    const steps = Math.min(PART_STEPS, total - number * PART_STEPS);
    const part = h("div.part", { data: { steps } });
    part.style.setProperty("--steps", steps);
    part.take = (found) => {
      part.replaceChildren(...found.map((step) => this._makeStep(step)));
      part.classList.add("here");
    };
    part.fill = () => (part.classList.contains("here") ? null : (part.filling ??= this._fill(part, number)));
    return part;
  }

  async _fill(part, number) {
    try {
      const page = await this._given.fetchSteps(number * PART_STEPS, PART_STEPS, this._stop.signal);
      part.take(page.trajectory.steps);
    } catch (error) {
      if (isAborted(error)) {
        return;
      }
      part.replaceChildren(failed(error, () => part.fill()));
      throw error;
    } finally {
      part.filling = null;
    }
  }

  _makeStep(step) {
    const element = stepElement(step, this._given.link(this._row, step.step_id));
    element.hidden = !this._keeps(step);
    element.toggle(this._allOpen);
    return element;
  }

  _seen(entries) {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && !target.classList.contains("here") && !target.querySelector(".failed")) {
        target.fill()?.catch(() => null);
      }
    }
  }

  /** Those that have been fetched. */
  _steps() {
    return [...this.querySelectorAll(".step")];
  }

  _keeps(step) {
    return ONLY[this._filter.only](step) && (!this._filter.words || mentions(step, this._filter.words));
  }

  async _choose(change) {
    this._filter = { ...this._filter, ...change };
    const filter = this._filter;
    this.querySelectorAll("[data-only]").forEach((each) =>
      each.setAttribute("aria-pressed", each.dataset.only === filter.only),
    );
    const all = filter.only === "all" && !filter.words;
    for (const part of all ? [] : this._parts) {
      this._found.textContent = "Looking …";
      await part.fill()?.catch?.(() => null);
      if (filter !== this._filter) {
        return;
      }
    }
    this._steps().forEach((each) => (each.hidden = !this._keeps(each.step)));
    const kept = this._steps().filter((each) => !each.hidden).length;
    const total = this._parts.reduce((sum, part) => sum + Number(part.dataset.steps), 0);
    this._found.textContent = all ? counted(total, "step") : `${kept} of ${counted(total, "step")}`;
    this.classList.toggle("nothing-kept", !all && kept === 0);
  }
}

function about(trajectory) {
  const { steps: _, agent, extra, final_metrics: totals, subagent_trajectories: others, ...rest } = trajectory;
  const { tool_definitions: tools, extra: more, ...who } = agent;
  const named = { ...prefixed("agent", { ...who, ...more }), ...rest, ...totals, ...extra };
  return h(
    "div.about",
    {},
    disclosure("About this trajectory", () => [facts(named), ...lists(tools, others)], { class: "disclose" }),
  );
}

function prefixed(prefix, values) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name === "name" ? prefix : `${prefix}.${name}`, value]),
  );
}

function lists(tools, others) {
  const given = [
    [tools, "tool definition"],
    [others, "subagent trajectory as JSON"],
  ].filter(([list]) => list?.length);
  return given.map(([list, what]) =>
    h(
      "section",
      {},
      h("h4", {}, `${list.length} × ${what}`),
      block(JSON.stringify(list, null, 2), { kind: "code", label: what }),
    ),
  );
}

/** What gives the steps of a document that is here as a whole. */
export function localSteps(row, trajectory) {
  return async (offset, limit) => {
    const steps = trajectory.steps.slice(offset, offset + limit);
    return { row, total: trajectory.steps.length, trajectory: { ...trajectory, steps } };
  };
}

customElements.define("hf-trajectory", TrajectoryView);

// <hf-trajectory>: one trajectory, its steps as an accordion. Of long ones the parts are fetched that are looked at.

import { announce, h } from "./dom.js";
import { isAborted } from "./api.js";
import { excerptOf, hasTools } from "./contents.js";
import { highlight } from "./highlight.js";
import { failed, loading } from "./states.js";
import { stepElements } from "./step.js";
import "./step-bar.js";
import { referring } from "./subagents.js";
import { about, marksOf, titleOf } from "./trajectory-head.js";

/** Steps that are fetched together. */
export const PART_STEPS = 50;
/** Steps of a document that are all made, so that they can be searched. */
const SEARCHABLE_STEPS = 2000;
/** Steps of a trajectory that is read at once, and so opened at once. */
const SHORT_STEPS = 5;
const KEEPS = { all: () => true, tools: ({ step }) => hasTools(step), errors: (element) => element.failed };
const whenIdle = globalThis.requestIdleCallback ?? ((act) => setTimeout(act, 50));

class TrajectoryView extends HTMLElement {
  /**
   * Show a document.
   * @param {Object} given
   * @param {(offset: number, limit: number, signal: AbortSignal) => Promise<{row, total, trajectory}>} given.fetchSteps
   * @param {(row: number, step: number|null) => string|null} given.link Address of a step, or of the document.
   * @param {number|null} given.step To open at; from 1.
   * @param {(row: number, trajectory: Object) => (Node|null)[]} given.tools More for the head.
   * @param {(page: {row, total, trajectory}) => void} [given.opened] Called once the document is here.
   * @param {() => Node} [given.back] Leads elsewhere, where there is no such document.
   * @param {(row: number) => number|undefined} [given.messages] How many messages the row has, of which steps were made.
   * @param {() => Node} [given.moved] Stands here once the dataset has moved to another commit.
   * @param {boolean} [given.here] Whether all steps are here: then the browser's own search finds those far away, too.
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
      if (!isAborted(error) && !this._leave(error)) {
        this.replaceChildren(failed(error, () => this.show(given), given.back?.()));
      }
    }
  }

  /** Drop the document where its dataset has moved: nothing of one commit is shown beside another. */
  _leave(error) {
    const moved = error.code === "dataset_changed" && this._given.moved;
    moved && this.drop(moved());
    return Boolean(moved);
  }

  /** Show something else in the place of the document. */
  drop(node) {
    this._stop.abort();
    this._parts = null;
    this.replaceChildren(node);
  }

  /** Open a step, bring it into view and give it the focus; without one the focus goes to the title. */
  async goTo(step) {
    this._step = step;
    if (!this._parts) {
      return;
    }
    if (!step) {
      this.scrollTop = 0;
      this._title.focus({ preventScroll: true });
      return;
    }
    await this._parts[Math.floor((step - 1) / PART_STEPS)]?.fill();
    const element = this._steps().find((each) => each.step.step_id === step);
    if (!element) {
      announce(`There is no step ${step}`);
      return;
    }
    this._steps().forEach((each) => each.classList.toggle("linked", each === element));
    this._bar.strip.point(step);
    element.hidden = false;
    element.toggle(true);
    element.scrollIntoView({ block: "start" });
    element.querySelector("button").focus({ preventScroll: true });
  }

  /** Go to a step by its address, so that there is a way back. */
  _visit(step) {
    const link = this._given.link(this._row, step);
    location.hash === link ? this.goTo(step) : (location.hash = link);
  }

  /** Move the focus from step to step; gives the step that has it then. */
  move(by) {
    const shown = this._steps().filter((each) => !each.hidden);
    const now = shown.findIndex((each) => each.contains(document.activeElement));
    const next = shown[Math.min(Math.max(0, now + by), shown.length - 1)];
    next?.querySelector("button").focus({ preventScroll: true });
    next?.querySelector("h3").scrollIntoView({ block: "nearest" });
    return next;
  }

  /** Open or close all steps; those that are fetched later follow. */
  openAll(open) {
    this._allOpen = this._openedAll = open;
    this._steps().forEach((each) => each.toggle(open));
    announce(open ? "All steps opened" : "All steps closed");
  }

  /** The field that looks for words in steps. */
  get search() {
    return this._bar?.search;
  }

  /** The field that leads to a step. */
  get jump() {
    return this._bar?.jump;
  }

  disconnectedCallback() {
    this._stop?.abort();
    this._watch?.disconnect();
    highlight([], "");
  }

  _build({ row, total, trajectory }, first) {
    this._row = row;
    this._refer = referring(trajectory);
    this._filter = { only: "all", words: "" };
    this._allOpen = this._openedAll ?? total <= SHORT_STEPS;
    this._watch?.disconnect();
    this._watch = new IntersectionObserver((seen) => this._seen(seen), { root: this, rootMargin: "800px" });
    this._parts = Array.from({ length: Math.ceil(total / PART_STEPS) }, (_, number) => this._makePart(number, total));
    const bar = this._makeBar(total);
    this._parts[first]?.take(trajectory.steps);
    const list = h("div.steps", { role: "region", "aria-label": "Steps" }, this._parts);
    list.addEventListener("click", () => this._filter.words && this._highlight());
    this.replaceChildren(this._makeHead(trajectory, total), about(trajectory), bar, list);
    this._makeRoom();
    this._parts.forEach((part) => this._watch.observe(part));
    this._given.here && total <= SEARCHABLE_STEPS && whenIdle(() => this._fillNext(0));
  }

  _fillNext(number) {
    this._parts[number]?.fill();
    number < this._parts.length && whenIdle(() => this._fillNext(number + 1));
  }

  _makeHead(trajectory, total) {
    this._title = h("h2", { tabindex: -1 }, titleOf(trajectory, this._row));
    const tools = h("div.tools", {}, this._given.tools(this._row, trajectory));
    return h("header.head", {}, h("div.title", {}, this._title, tools), marksOf(trajectory, this._row, total, this._given.messages?.(this._row)));
  }

  _makeBar(total) {
    this._bar = document.createElement("hf-step-bar");
    this._bar.show({
      total,
      choose: (change) => this._choose(change),
      next: () => this._openNext(),
      goTo: (step) => this._visit(step),
      openAll: (open) => this.openAll(open),
    });
    new ResizeObserver(() => this._makeRoom()).observe(this._bar);
    return this._bar;
  }

  /** Lines of opened steps stay below the bar, however many lines it has itself. */
  _makeRoom() {
    this.style.setProperty("--bar", `${this._bar.offsetHeight}px`);
  }

  // ---- parts: an empty box of about their height until they are looked at -------------------------------------------

  _makePart(number, total) {
    const steps = Math.min(PART_STEPS, total - number * PART_STEPS);
    const part = h("div.part", { data: { steps } });
    part.style.setProperty("--steps", steps);
    part.take = (found) => {
      part.replaceChildren(...this._makeSteps(found, number));
      this._bar.strip.learn([...part.children]);
      part.classList.add("here");
      this._fillLater(part);
    };
    part.fill = () => (part.classList.contains("here") ? null : (part.filling ??= this._fill(part, number)));
    return part;
  }

  _makeSteps(steps, number) {
    const link = (step) => this._given.link(this._row, step);
    const before = this._parts?.[number - 1]?.lastElementChild?.step;
    const made = stepElements(steps, { link, refer: this._refer }, before ?? null);
    for (const element of made) {
      element.mark(this._filter.words);
      element.hidden = !this._keeps(element);
      element.toggle(this._allOpen);
    }
    return made;
  }

  /** Make what closed steps hold, bit by bit, so that the browser's own search finds it. */
  _fillLater(part) {
    const left = [...part.children];
    const work = () => {
      left.splice(0, 10).forEach((each) => each.fill());
      left.length && part.isConnected && whenIdle(work);
    };
    whenIdle(work);
  }

  async _fill(part, number) {
    try {
      const page = await this._given.fetchSteps(number * PART_STEPS, PART_STEPS, this._stop.signal);
      part.take(page.trajectory.steps);
    } catch (error) {
      if (isAborted(error) || this._leave(error)) {
        return;
      }
      part.replaceChildren(failed(error, () => part.fill()));
      throw error;
    } finally {
      part.filling = null;
    }
  }

  _seen(entries) {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && !target.classList.contains("here") && !target.querySelector(".failed")) {
        target.fill()?.catch(() => null);
      }
    }
  }

  // ---- which steps are shown ----------------------------------------------------------------------------------------

  /** Those that have been fetched. */
  _steps() {
    return (this._parts ?? []).flatMap((part) => [...part.querySelectorAll(":scope > .step")]);
  }

  _keeps(element) {
    const { only, words } = this._filter;
    return KEEPS[only](element) && (!words || excerptOf(element.step, words) !== null);
  }

  async _choose(change) {
    this._filter = { ...this._filter, ...change };
    const filter = this._filter;
    this._bar.press(filter.only);
    const all = filter.only === "all" && !filter.words;
    for (const part of all ? [] : this._parts) {
      this._bar.wait();
      await part.fill()?.catch?.(() => null);
      if (filter !== this._filter) {
        return;
      }
    }
    this._apply(all);
  }

  _apply(all) {
    const steps = this._steps();
    for (const each of steps) {
      each.mark(this._filter.words);
      each.hidden = !this._keeps(each);
    }
    const kept = steps.filter((each) => !each.hidden).length;
    this._bar.tell(all ? null : kept);
    this.classList.toggle("nothing-kept", !all && kept === 0);
    this._highlight();
  }

  /** Open the next step, at the first of the words that are looked for. */
  _openNext() {
    const step = this.move(1);
    step?.toggle(true);
    const found = this._highlight().find((range) => step.contains(range.startContainer));
    const below = found && found.getBoundingClientRect().bottom - this.getBoundingClientRect().bottom;
    below > 0 && this.scrollBy({ top: below + this.clientHeight / 2 });
  }

  _highlight() {
    const open = this._steps().filter((each) => !each.hidden && each.isOpen());
    const bodies = open.map((each) => each.lastElementChild);
    return highlight(bodies, this._filter.words);
  }
}

/** What gives the steps of a document that is here as a whole. */
export function localSteps(row, trajectory) {
  return async (offset, limit) => {
    const steps = trajectory.steps.slice(offset, offset + limit);
    return { row, total: trajectory.steps.length, trajectory: { ...trajectory, steps } };
  };
}

customElements.define("hf-trajectory", TrajectoryView);

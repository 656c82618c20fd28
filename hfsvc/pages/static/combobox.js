// A field with suggestions, as the ARIA practices describe an editable combobox with a list.

import { freshId, h } from "./dom.js";

const TYPING_MS = 200;

/**
 * A field that offers values.
 * @param {Object} properties Attributes of its input.
 * @param {(text: string) => Promise<{options: {value, label, note}[], more: string|null}>} suggest Gives what fits a text.
 * @returns {{element: Element, input: HTMLInputElement}} Choosing an option is an `input` event of the input.
 */
export function comboBox(properties, suggest) {
  const list = h("ul.options", { role: "listbox", id: freshId(), "aria-label": `${properties["aria-label"]}: values` });
  const said = h("p", { role: "status" });
  const popup = h("div.popup", { hidden: true }, list, said);
  const input = h("input", {
    ...properties,
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-autocomplete": "list",
    "aria-expanded": false,
    "aria-controls": list.id,
  });
  new Combo(input, list, said, popup, suggest);
  return { element: h("span.combo", {}, input, popup), input };
}

class Combo {
  constructor(input, list, said, popup, suggest) {
    Object.assign(this, { input, list, said, popup, suggest, active: -1, asked: 0, first: 0, waiting: false });
    input.addEventListener("click", () => popup.hidden && this.open(0));
    input.addEventListener("input", (event) => event.isTrusted && this.open(TYPING_MS));
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.pressed(event));
    popup.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", ({ target }) => this.choose(target.closest("[role=option]")));
  }

  open(wait) {
    const asked = ++this.asked;
    clearTimeout(this.timer);
    this.waiting = true;
    this.timer = setTimeout(async () => {
      this.said.textContent = "Counting …";
      this.show(true);
      const { options, more } = await this.suggest(this.input.value);
      if (asked === this.asked) {
        this.fill(options, more);
      }
    }, wait);
  }

  close() {
    this.asked += 1;
    this.first = 0;
    clearTimeout(this.timer);
    this.show(false);
  }

  show(open) {
    this.popup.hidden = !open;
    this.input.setAttribute("aria-expanded", open);
    open || this.activate(-1);
  }

  fill(options, more) {
    this.list.replaceChildren(...options.map(optionElement));
    this.said.textContent = options.length ? (more ?? "") : "No such value";
    this.waiting = false;
    this.activate(Math.min(this.first, options.length) - 1);
    this.first = 0;
  }

  activate(index) {
    this.active = index;
    [...this.list.children].forEach((each, place) => each.setAttribute("aria-selected", place === index));
    const option = this.list.children[index];
    option ? this.input.setAttribute("aria-activedescendant", option.id) : this.input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  pressed(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.popup.hidden && this.open(0);
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !this.popup.hidden) {
      event.preventDefault();
      this.active < 0 ? this.close() : this.choose(this.list.children[this.active]);
    } else if (event.key === "Escape" && !this.popup.hidden) {
      event.preventDefault();
      this.close();
    }
  }

  /** Move among the options; while they are on their way, remember where to. */
  move(by) {
    const options = this.list.children.length;
    if (this.waiting) {
      this.first = Math.max(0, this.first + by);
    } else if (options) {
      const from = this.active < 0 && by < 0 ? 0 : this.active;
      this.activate((from + by + options) % options);
    }
  }

  choose(option) {
    if (option) {
      this.input.value = option.dataset.value;
      this.close();
      this.input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
}

function optionElement({ value, label, note }) {
  return h(
    "li",
    { role: "option", id: freshId(), "aria-selected": false, data: { value } },
    h("span.value", {}, label),
    h("span.note", {}, note),
  );
}

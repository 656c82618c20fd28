// Makes elements. Texts become text nodes, never markup: nothing here, or anywhere in these pages, parses HTML.

const COPIED_MS = 1200;
const OWN_ADDRESS = /^(#|api\/)/;

/**
 * An element.
 * @param {string} name Of its tag; `name.class.class` gives it classes.
 * @param {Object} [properties] `on` holds listeners by event, `data` what goes into `dataset`; others are attributes:
 *   true is an empty one, false leaves it out (but for aria's, which say so), null and undefined leave all out.
 * @param {...(Node|string|number|null|false|Array)} children Texts stay texts.
 */
export function h(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) {
    element.className = classes.join(" ");
  }
  for (const [key, value] of Object.entries(properties)) {
    setProperty(element, key, value);
  }
  element.append(...children.flat(2).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

function setProperty(element, key, value) {
  if (key === "on") {
    for (const [event, listen] of Object.entries(value)) {
      element.addEventListener(event, listen);
    }
  } else if (key === "data") {
    Object.assign(element.dataset, value);
  } else if (key === "href" && !OWN_ADDRESS.test(value)) {
    throw new Error(`Links lead nowhere but into these pages, and not to ${value}`);
  } else if (key.startsWith("aria-") && typeof value === "boolean") {
    element.setAttribute(key, String(value));
  } else if (value !== false && value !== null && value !== undefined) {
    element.setAttribute(key, value === true ? "" : value);
  }
}

/** A button that does something; `properties` as for `h`. */
export function button(label, act, properties = {}) {
  return h("button", { type: "button", ...properties, on: { click: act } }, label);
}

/** An id for what another element refers to. */
export function freshId() {
  freshId.last = (freshId.last ?? 0) + 1;
  return `id-${freshId.last}`;
}

/** A button that shows and hides something, which is made when it is shown first. */
export function disclosure(label, make, properties = { class: "quiet" }) {
  const content = h("div.disclosed", { hidden: true, id: freshId() });
  const toggle = button(
    label,
    () => {
      content.hidden = !content.hidden;
      toggle.setAttribute("aria-expanded", !content.hidden);
      content.firstChild ?? content.append(...[make()].flat());
    },
    { ...properties, "aria-expanded": false, "aria-controls": content.id },
  );
  return [toggle, content];
}

/** Read out to those who listen instead of looking; the page has one place for it. */
export function announce(text) {
  const place = document.querySelector("[data-announcements]");
  if (place) {
    place.textContent = text;
  }
}

/** Copy a text, also where the page has no right to the clipboard (it came over plain HTTP from elsewhere). */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  announce("Copied");
}

function copyBySelection(text) {
  const area = h("textarea", { class: "unseen", "aria-hidden": "true" });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  focused?.focus();
}

/** A button that copies what `give` gives, and says so for a moment. */
export function copyButton(label, give, properties = { class: "quiet" }) {
  const made = button(label, () => copyFrom(made, give(), label), properties);
  return made;
}

/** A link that copies its address when it is clicked; it can be opened elsewhere as any link. */
export function copyLink(label, href) {
  const made = h("a.quiet", { href }, label);
  made.addEventListener("click", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      copyFrom(made, new URL(href, location.href).href, label);
    }
  });
  return made;
}

async function copyFrom(element, text, label) {
  await copy(text);
  element.textContent = "Copied";
  setTimeout(() => (element.textContent = label), COPIED_MS);
}

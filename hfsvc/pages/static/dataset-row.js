// One line of the table of datasets: what it is, how it is, what can be done with it.

import { button, disclosure, h } from "./dom.js";
import { writeRoute } from "./route.js";
import { oneLine } from "./text.js";
import { bytes, count, counted, localMoment } from "./units.js";

const SHORT_CHARACTERS = 120;
/** What people look for first, where the whole sentence is long. */
const SHORT_FAILURES = {
  dataset_not_found: "There is no such dataset on the Hub, or it is private.",
  revision_not_found: "The dataset has no such revision.",
  file_not_found: "No file of it matches. Name others under Files.",
  gated_dataset: "Its owner must grant access first.",
  authentication_required: "The Hub asks for a valid token.",
  access_denied: "The Hub denies access to it.",
  hub_unavailable: "The Hub does not answer.",
  no_space: "There is not enough room on the disk.",
};

/**
 * The line of a dataset.
 * @param {Object} entry `dataset` where it is on disk, `source` where it is known by name, `job` where it was fetched.
 * @param {Object} now `busy` is what is being done with it, `note` what came of what was done last, `rows` its list.
 * @param {Object} acts `download`, `cancel`, `verify`, `repair`, `remove`, `dismiss`: take the entry.
 */
export function datasetRow(entry, now, acts) {
  const { dataset, source } = entry;
  const { repo, name } = namesOf(entry);
  const title = dataset ? h("a", { href: writeRoute({ source: name }) }, oneLine(name)) : h("span", {}, oneLine(name));
  const about = [name === repo ? null : oneLine(repo), source?.about && oneLine(source.about)].filter(Boolean);
  return h(
    "tr",
    { data: { repo } },
    h(
      "th",
      { scope: "row" },
      h("div.name", {}, title, source?.default ? h("span.chip", {}, "default") : null),
      h("div.about", {}, about.join(" · ")),
    ),
    h("td", { data: { title: "State" } }, stateOf(entry, now)),
    h("td", { data: { title: "Rows" } }, dataset ? rowsOf(now.rows) : ""),
    h("td", { data: { title: "Size" } }, dataset ? sizeOf(dataset) : ""),
    h("td", { data: { title: "Fetched" } }, dataset ? originOf(dataset) : ""),
    h("td.actions", {}, actionsOf(entry, now, acts)),
  );
}

/** The id of a dataset, and what it is called. */
export function namesOf({ dataset, source, job }) {
  const repo = dataset?.repo ?? source?.repo ?? job.repo;
  return { repo, name: dataset?.alias ?? source?.alias ?? repo };
}

/** How far a download is. */
export function progressOf({ received, total }) {
  const part = total ? `${Math.floor((100 * received) / total)} %` : "";
  const text = total ? `${part} · ${bytes(received)} of ${bytes(total)}` : "planning …";
  return h(
    "div.progress",
    {},
    h("progress", { max: total || 1, value: total ? received : null, "aria-label": "Download" }),
    h("span", {}, text),
  );
}

function stateOf({ job, dataset }, { busy, note }) {
  if (busy) {
    return h("span.chip.busy", { role: "status" }, busy);
  }
  if (job?.state === "running") {
    return progressOf(job);
  }
  const here = dataset?.local ? "files of your own" : "on disk";
  const state = dataset ? h("span.chip.here", {}, here) : h("span.chip", {}, "not here");
  return [state, failureOf(job), note ? h(`div.${note.bad ? "problem" : "about"}`, {}, note.text) : null];
}

function failureOf(job) {
  if (job?.state === "cancelled") {
    return h("div.about", {}, "Download cancelled; what came is kept");
  }
  if (job?.state !== "failed") {
    return null;
  }
  const { code, message, hint } = job.error;
  const whole = [message, hint].filter(Boolean).join(" ");
  const [short, details] = SHORT_FAILURES[code] ? [SHORT_FAILURES[code], whole] : [oneLine(message, SHORT_CHARACTERS), whole];
  const more = details === short ? null : disclosure("Details", () => h("p", {}, details));
  return h("div.problem", { title: oneLine(whole) }, short, more && h("div", {}, more));
}

function rowsOf(list) {
  if (!list) {
    return "…";
  }
  return list.error ? h("span.problem", { title: list.error.message }, "cannot be read") : count(list.total);
}

function sizeOf({ totalBytes, fileCount }) {
  return [bytes(totalBytes), h("div.about", {}, counted(fileCount, "file"))];
}

function originOf({ downloadedAt, revision, commit, license, local }) {
  const facts = local ? ["last change"] : [revision === "main" ? null : revision, commit.slice(0, 8), license].filter(Boolean);
  return [
    h("time", { datetime: downloadedAt, title: downloadedAt }, localMoment(downloadedAt)),
    h("div.about", { title: `Commit ${commit}` }, facts.map((each) => oneLine(each, 60)).join(" · ")),
  ];
}

function actionsOf(entry, { busy, note }, acts) {
  const { job, dataset } = entry;
  const { repo, name } = namesOf(entry);
  const act = (label, work, more = {}) =>
    button(label, () => work(entry), {
      "aria-label": `${label} ${oneLine(name)}`,
      disabled: Boolean(busy),
      data: { act: `${label} ${repo}` },
      ...more,
    });
  if (job?.state === "running") {
    return act("Cancel", acts.cancel);
  }
  const dismiss = job?.state === "failed" || job?.state === "cancelled" ? act("Dismiss", acts.dismiss) : null;
  if (!dataset) {
    return [act(dismiss ? "Try again" : "Download", acts.download), dismiss];
  }
  if (dataset.local) {
    return "";
  }
  const mend = note?.damaged ? act("Repair", acts.repair, { class: "primary" }) : act("Verify", acts.verify);
  return [act("Update", acts.download), mend, act("Delete", acts.remove), dismiss];
}

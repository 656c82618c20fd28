// Numbers, times and amounts as people read them.

import { oneLine } from "./text.js";

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const SPANS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

/** A number of bytes for people. */
export function bytes(number) {
  let unit = 0;
  while (number >= 999.5 && unit < UNITS.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${number >= 99.5 || unit === 0 ? Math.round(number) : number.toFixed(1)} ${UNITS[unit]}`;
}

/** A whole number with separators. */
export function count(number) {
  return number.toLocaleString("en");
}

/** "1 step", "2 steps". */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** An amount of dollars, also a very small one. */
export function dollars(amount) {
  return `$${amount >= 1 || amount === 0 ? amount.toFixed(2) : amount.toPrecision(2)}`;
}

/** Seconds as two units at most: "340 ms", "4.5 s", "1 min 4 s", "2 h 5 min". */
export function duration(seconds) {
  if (seconds < 59.95) {
    return seconds < 0.9995 ? `${Math.round(seconds * 1000)} ms` : `${Number(seconds.toFixed(1))} s`;
  }
  const whole = Math.round(seconds);
  const [length, unit] = SPANS.find(([span]) => whole >= span);
  const rest = Math.floor((whole % length) / (length === 60 ? 1 : length === 3600 ? 60 : 3600));
  const smaller = { min: "s", h: "min", d: "h" }[unit];
  return `${Math.floor(whole / length)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
}

/** Seconds from one ISO time to another; null where either is none. */
export function between(earlier, later) {
  const seconds = (Date.parse(later) - Date.parse(earlier)) / 1000;
  return Number.isFinite(seconds) ? seconds : null;
}

/** A day and a time as rows write them, without what nobody reads in a list. */
export function moment(text) {
  const found = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)/.exec(text ?? "");
  return found ? `${found[1]} ${found[2]}` : oneLine(text ?? "", 40);
}

/** A time of the server's, as the clock on the reader's wall has it. */
export function localMoment(text) {
  const time = new Date(text);
  const two = (number) => String(number).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

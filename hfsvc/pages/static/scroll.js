// Scrolling lists that are higher than an element can be: browsers clip those at some 17 to 33 million pixels.
//
// The element is at most `LONGEST` high. Near both ends a pixel of it is a pixel of the list; in the middle it is many.
// While somebody scrolls by hand, every pixel counts as one wherever they are; when they rest, the element follows.

const LONGEST = 8_000_000;
const TRUE_ENDS = 100_000;

/**
 * How a list lies in its element; all in pixels.
 * @param {number} total Of the list.
 * @param {number} view What is seen of it at a time.
 * @param {number} [longest] That the element may be.
 */
export function geometry(total, view, longest = LONGEST) {
  const height = Math.min(total, longest);
  const ends = height === total ? 0 : Math.min(TRUE_ENDS, Math.floor(longest / 4));
  return { total, height, ends, range: Math.max(0, total - view), room: Math.max(0, height - view) };
}

/** Where in the list a scroll position of the element is. */
export function toList(top, { height, total, ends, range, room }) {
  if (height === total || top <= ends) {
    return Math.min(top, range);
  }
  if (top >= room - ends) {
    return Math.max(0, range - (room - top));
  }
  return ends + ((top - ends) * (range - 2 * ends)) / (room - 2 * ends);
}

/** The scroll position of a place in the list: what `toList` takes back. */
export function toElement(place, { height, total, ends, range, room }) {
  if (height === total || place <= ends) {
    return Math.min(place, room);
  }
  if (place >= range - ends) {
    return Math.max(0, room - (range - place));
  }
  return ends + ((place - ends) * (room - 2 * ends)) / (range - 2 * ends);
}

/**
 * Where in the list somebody is after scrolling.
 * @param {number} place Where they were.
 * @param {number} moved How far the element was scrolled.
 * @param {number} top Where the element is now.
 * @param {number} near Movements up to this long were made by hand; longer ones by its scrollbar.
 */
export function follow(place, moved, top, near, shape) {
  if (shape.height === shape.total || Math.abs(moved) > near || top <= 0 || top >= shape.room) {
    return toList(top, shape);
  }
  return Math.min(Math.max(0, place + moved), shape.range);
}

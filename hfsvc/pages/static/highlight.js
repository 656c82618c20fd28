// Marks words in what is shown, without touching it: the browser paints them over the text.

import { patternOf } from "./contents.js";

const NAME = "found";
const MOST = 2000;

/** Mark every occurrence of some words in the texts of elements; no words mark nothing. Gives the ranges. */
export function highlight(elements, words) {
  const ranges = words ? rangesIn(elements, patternOf(words, "gi")) : [];
  CSS.highlights?.set(NAME, new Highlight(...ranges));
  return ranges;
}

function rangesIn(elements, pattern) {
  const ranges = [];
  for (const node of elements.flatMap((each) => textNodes(each))) {
    for (const { index, 0: found } of node.data.matchAll(pattern)) {
      if (ranges.length >= MOST) {
        return ranges;
      }
      const range = new Range();
      range.setStart(node, index);
      range.setEnd(node, index + found.length);
      ranges.push(range);
    }
  }
  return ranges;
}

function textNodes(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) {
    nodes.push(walker.currentNode);
  }
  return nodes;
}

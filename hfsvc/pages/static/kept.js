// What this browser keeps for its user: how the page looks, whether letters are keys.
// Where it keeps nothing, everything works without.

/** A kept choice. */
export function kept(name, otherwise) {
  try {
    return localStorage.getItem(`hfsvc-${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keep a choice. */
export function keep(name, value) {
  try {
    localStorage.setItem(`hfsvc-${name}`, value);
  } catch {
    // Nothing is kept here, then: the choice lasts as long as the page.
  }
}

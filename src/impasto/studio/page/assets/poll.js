// What is asked again and again.

import { get, on } from "./state.js";

/**
 * Return a function that asks at once. `ask` returns whether to ask again after `every` milliseconds;
 * it is given a function that tells whether its answer is the latest. What failed is asked again.
 * When the studio is silent or nobody looks at the page, nothing is asked until that ends.
 */
export function polling(ask, every) {
  let timer = 0;
  let asked = 0;
  async function now() {
    clearTimeout(timer);
    const mine = ++asked;
    const isLatest = () => mine === asked;
    const again = await ask(isLatest).catch((error) => {
      if (!error.status && get("connected")) throw error; // a mistake of ours
      return Boolean(error.status);
    });
    if (again && isLatest() && !document.hidden) timer = setTimeout(now, every);
  }
  on(["connected"], () => get("connected") && now());
  document.addEventListener("visibilitychange", () => document.hidden || now());
  return now;
}

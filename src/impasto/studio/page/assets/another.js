// Another painting of the same photo: the number is the seed of what a network adds by chance.

import { el } from "./shared.js";

const TITLE = "Other brushstrokes, of the same photo in the same style";

export function another(element, trigger, props, watch) {
  const button = (text, by) =>
    el("button.button", { type: "button", title: TITLE, onclick: () => go(by) }, text);
  const [back, on] = [button("The one before", -1), button("Another one", 1)];
  element.replaceChildren(
    el("div.another", { role: "group", "aria-label": "Other paintings of this photo" }, back, on),
  );
  const seed = () => Number(props.value) || 0;

  function go(by) {
    // Other parts listen for what is touched here, as they do for sliders.
    element.dispatchEvent(new Event("input", { bubbles: true }));
    props.value = Math.max(0, seed() + by);
    show();
  }

  function show() {
    const first = !seed();
    if (first && document.activeElement === back) on.focus();
    back.hidden = first;
  }

  watch("value", show);
  show();
}

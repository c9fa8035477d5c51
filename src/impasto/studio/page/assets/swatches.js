// The gallery of shipped styles: one of them is chosen, as with any radio buttons.

import { ask, el, picture, titled } from "./shared.js";

const NONE = "There are no quick styles here yet. impasto train makes them from paintings, " +
  "impasto import takes over networks of others. Painting needs none: see Paint.";

export async function swatches(element, trigger, props, watch) {
  const group = el("div.swatches", { role: "radiogroup", "aria-label": "Styles" });
  const inputs = new Map();
  const show = () => {
    for (const [name, input] of inputs) input.checked = name === props.value;
  };

  function swatch(style) {
    const input = el("input.unseen", { type: "radio", name: "style", value: style.name });
    input.addEventListener("change", () => {
      props.value = style.name;
    });
    inputs.set(style.name, input);
    const about = [style.title, style.painter, style.year].filter(Boolean).join(", ") || titled(style.name);
    const image = el("img", { alt: "", width: 84, height: 84 });
    image.dataset.alt = about;
    image.dataset.src = picture(`swatch:${style.name}`, 160, style.version);
    return el("label.swatch", { title: about }, input, image, el("span", {}, titled(style.name)));
  }

  /** Those in sight, one after the other: at first each takes a while to make. */
  const waiting = [];
  let loading = false;
  function load() {
    const image = loading ? null : waiting.shift();
    if (!image) return;
    loading = true;
    image.onload = image.onerror = () => {
      loading = false;
      load();
    };
    image.alt = image.dataset.alt; // not before: without a picture it would be in its place
    image.src = image.dataset.src;
  }
  const sight = new IntersectionObserver((seen) => {
    for (const { target } of seen.filter((one) => one.isIntersecting)) {
      sight.unobserve(target);
      waiting.push(target);
    }
    load();
  });

  watch("value", show);
  try {
    const styles = await ask("styles");
    group.append(...styles.map(swatch));
    element.replaceChildren(styles.length ? group : el("p.hint", {}, NONE));
    for (const image of group.querySelectorAll("img")) sight.observe(image);
  } catch (problem) {
    element.replaceChildren(el("p.problem", { role: "alert" }, problem.message));
  }
  show();
}

// The paintings to paint in the style of: samples to choose, and those that somebody drops.

import { PICTURES, el, picture, send, takeFiles, titled } from "./shared.js";

export function paintings(element, trigger, props, watch, { samples, most }) {
  const own = el("div.swatches", { role: "group", "aria-label": "Paintings" });
  const input = el("input.unseen", { type: "file", accept: PICTURES, multiple: true, id: "painting-file" });
  const place = { for: "painting-file", title: "Several paintings are mixed" };
  const drop = el("label.drop", place, "Add or drop a painting of yours");
  const error = el("p.problem", { role: "alert", hidden: true });
  const busy = el("p.busy", { role: "status", hidden: true }, "Reading…");
  element.replaceChildren(own, input, drop, busy, error);

  const chosen = () => (Array.isArray(props.value) ? props.value : []);
  const put = (value) => {
    props.value = value;
    show();
  };

  function toggle(source, name) {
    const rest = chosen().filter((one) => one.source !== source);
    if (rest.length < chosen().length) return put(rest);
    // Samples take each other's place: a mixture is made on purpose, by adding one's own.
    put([...rest.filter((one) => !one.source.startsWith("painting:")), { source, name }]);
  }

  async function take(files) {
    error.hidden = true;
    busy.hidden = false;
    for (const file of files.slice(0, most)) {
      try {
        const answer = await send(file);
        const kept = chosen().filter((one) => !one.source.startsWith("painting:"));
        if (kept.length >= most) throw new Error(`${most} paintings are the most.`);
        put([...kept, { source: answer.source, name: file.name }]);
      } catch (problem) {
        error.textContent = problem.message;
        error.hidden = false;
      }
    }
    busy.hidden = true;
  }

  function tile({ source, name }, dropped) {
    const on = chosen().some((one) => one.source === source);
    const label = dropped ? `Remove ${name}` : `Paint in the style of the sample painting ${name}`;
    return el(
      dropped ? "button.swatch.dropped" : "button.swatch",
      {
        type: "button",
        "aria-pressed": String(on),
        "aria-label": label,
        title: label,
        onclick: () => toggle(source, name),
      },
      el("img", { src: picture(source, 160), alt: "", width: 84, height: 84, loading: "lazy" }),
      el("span", {}, dropped ? name : titled(name)),
    );
  }

  function show() {
    const focused = [...own.children].indexOf(document.activeElement);
    const dropped = chosen().filter((one) => !one.source.startsWith("painting:"));
    own.replaceChildren(
      ...dropped.map((one) => tile(one, true)),
      ...samples.map((name) => tile({ source: `painting:${name}`, name }, false)),
    );
    own.children[Math.min(focused, own.children.length - 1)]?.focus();
  }

  takeFiles(element, input, take);
  watch("value", show);
  show();
}

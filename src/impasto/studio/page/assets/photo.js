// The photo: a large place to drop one, later a slim bar to change it.

import { PICTURES, el, memory, picture, send, takeFiles, tell, titled } from "./shared.js";

export function photo(element, trigger, props, watch, { samples }) {
  const input = el("input.unseen", { type: "file", accept: PICTURES, id: "photo-file" });
  const tries = samples.map(({ name, ...size }) => {
    const source = `sample:${name}`;
    return el(
      "button.sample",
      {
        type: "button",
        "aria-label": `Use the sample photo ${name}`,
        onclick: () => choose({ source, name: titled(name), ...size }),
      },
      el("img", { src: picture(source, 160), alt: "", width: 96, height: 96 }),
    );
  });
  const error = el("p.problem", { role: "alert", hidden: true });
  const ask = el(
    "div.drop",
    {},
    el("p.invitation", {}, "Drop a photo here"),
    el("p.hint", {}, "or paste it, or"),
    el("label.button.primary", { for: "photo-file", id: "choose-photo" }, "Choose a photo"),
    el("p.hint.none", {}, "None at hand? Try one of these."),
    el("div.samples", { role: "group", "aria-label": "Sample photos" }, ...tries),
  );
  const name = el("span.name");
  const bar = el(
    "div.bar",
    { hidden: true },
    name,
    el("label.button.quiet", { for: "photo-file" }, "Change photo"),
  );
  const busy = el("p.busy", { role: "status", hidden: true }, "Reading the photo…");
  element.replaceChildren(input, ask, bar, busy, error);

  let latest = 0;

  function show() {
    const chosen = props.value || null;
    if (chosen && ask.contains(document.activeElement)) input.focus();
    ask.hidden = Boolean(chosen);
    bar.hidden = !chosen;
    document.body.classList.toggle("has-photo", Boolean(chosen));
    if (chosen) {
      name.replaceChildren(
        el("b", {}, chosen.name || "Photo"),
        chosen.width ? ` ${chosen.width} × ${chosen.height}` : "",
      );
    }
    tell("photo", { photo: chosen });
  }

  function choose(chosen) {
    error.hidden = true;
    props.value = chosen;
    memory("photo", chosen);
    show();
  }

  async function take(files) {
    const [first] = files;
    if (!first) return;
    const mine = ++latest;
    busy.hidden = false;
    error.hidden = true;
    try {
      const answer = await send(first);
      if (mine === latest) choose({ name: first.name, ...answer });
    } catch (problem) {
      if (mine !== latest) return;
      error.textContent = problem.message;
      error.hidden = false;
    } finally {
      if (mine === latest) busy.hidden = true;
    }
  }

  // A photo that only came along is stylised as soon as somebody touches a setting.
  document.addEventListener("input", ({ target }) => {
    if (!props.value?.quiet || !target.closest?.("#way-quick")) return;
    props.value = { ...props.value, quiet: false };
  });
  takeFiles(document.body, input, take, { paste: true });
  watch("value", () => {
    memory("photo", props.value || null);
    show();
  });
  show();
}

// Two pictures in one place: a slider uncovers one or the other.

import { el } from "./shared.js";

/** Return the element, `show`, which puts pictures in, and `busy`, which says that one comes. */
export function comparison() {
  const [result, photo] = [el("img.result", { alt: "" }), el("img.before", { alt: "" })];
  const slider = el("input.slide", {
    type: "range",
    min: 0,
    max: 100,
    value: 0,
    "aria-label": "Compare: how much of the photo is uncovered",
  });
  const tags = [el("span.tag.left", {}, "photo"), el("span.tag.right", {}, "picture")];
  const handle = ["handle", "knob"].map((name) => el(`div.${name}`, { "aria-hidden": "true" }));
  const frame = el("div.compare", {}, result, photo, ...tags, ...handle, slider);
  size(4, 3);
  let place = 0;
  let touched = false;

  function uncover(at) {
    place = at;
    slider.value = at;
    slider.setAttribute("aria-valuetext", `${at} % photo`);
    frame.style.setProperty("--at", `${at}%`);
    frame.dataset.side = at <= 8 ? "right" : at >= 92 ? "left" : "both";
  }
  slider.addEventListener("input", () => {
    touched = true;
    uncover(Number(slider.value));
  });

  /** A new picture takes the old one's place only when it is there: nothing flickers. */
  async function put(image, src, alt) {
    image.alt = src ? alt : "";
    if (image.dataset.src === (src ?? "")) return;
    image.dataset.src = src ?? "";
    if (!src) {
      image.removeAttribute("src");
      return;
    }
    const fresh = new Image();
    fresh.src = src;
    try {
      await fresh.decode();
    } catch {
      if (!image.src) image.removeAttribute("src");
      return;
    }
    if (image.dataset.src !== src) return;
    image.src = src;
    if (image === result) size(fresh.naturalWidth, fresh.naturalHeight);
  }

  function size(width, height) {
    frame.style.setProperty("--width", width);
    frame.style.setProperty("--height", height);
  }

  function show({ before, after, width, height, about, split }) {
    if (width && height) size(width, height);
    const both = Boolean(before && after);
    frame.classList.toggle("both", both);
    slider.hidden = !both;
    slider.disabled = !both;
    if (!touched) uncover(split ?? place);
    put(photo, both ? before : null, "The photo");
    put(result, after ?? before, after ? about : "The photo");
  }

  return { frame, show };
}

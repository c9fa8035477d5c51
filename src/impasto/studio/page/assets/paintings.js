// The paintings to paint in the style of, and the button that begins.

import { el, parts, takeFiles } from "./dom.js";
import { begin } from "./job.js";
import { attempt, reading } from "./messages.js";
import { picture } from "./server.js";
import { settings } from "./settings.js";
import { get, on, set } from "./state.js";
import { sayReduced, upload } from "./upload.js";

const MOST = 4;

const section = document.getElementById("paintings");
const [group, input] = parts(section, ".swatches", "input");
const button = document.getElementById("begin");
const samples = [...group.children];
const isSample = ({ source }) => source.startsWith("painting:");
const own = () => get("paintings").filter((one) => !isSample(one));

/** Samples take each other's place: a mixture is made on purpose, by adding one's own. */
function toggle(painting) {
  const rest = get("paintings").filter(({ source }) => source !== painting.source);
  const removed = rest.length < get("paintings").length;
  set({ paintings: removed ? rest : [...own(), painting] });
}

function take(files) {
  reading(section, async () => {
    for (const file of files) {
      if (own().length >= MOST) throw new Error(`${MOST} paintings are the most.`);
      const answer = await upload(file, section);
      if (!answer) return;
      set({ paintings: [...own(), { source: answer.source, name: file.name }] });
      sayReduced(section, "Your painting", answer);
    }
  });
}

function tile(painting) {
  const label = `Remove ${painting.name}`;
  return el(
    "button.swatch",
    { type: "button", "aria-pressed": "true", "aria-label": label, title: label, onclick: () => toggle(painting) },
    el("img", { src: picture(painting.source, 160), alt: "", width: 84, height: 84 }),
    el("span", {}, painting.name),
  );
}

function paint() {
  const photo = get("photo");
  const paintings = get("paintings");
  if (!photo) throw new Error("Choose a photo first.");
  if (!paintings.length) throw new Error("Choose a painting first, or add one of yours.");
  return begin("studio/paint", { photo, paintings, settings: settings("paint") });
}

for (const sample of samples) sample.addEventListener("click", () => toggle({ ...sample.dataset }));
takeFiles(document.getElementById("way-paint"), [input], take);
on(["paintings"], () => {
  const chosen = get("paintings").map(({ source }) => source);
  for (const sample of samples) sample.setAttribute("aria-pressed", chosen.includes(sample.dataset.source));
  const old = [...group.children].filter((one) => !samples.includes(one));
  const focused = old.includes(document.activeElement);
  for (const one of old) one.remove();
  group.prepend(...own().map(tile));
  if (focused) group.firstElementChild.focus();
});
button.addEventListener("click", async () => {
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  button.textContent = "Starting…";
  await attempt(paint);
  button.textContent = "Paint";
  button.ariaDisabled = null;
});

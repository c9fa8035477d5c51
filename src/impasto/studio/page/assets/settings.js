// The two tabs and their settings. The forms themselves hold what is set.

import { get, on, set } from "./state.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const panels = { quick: document.getElementById("way-quick"), paint: document.getElementById("way-paint") };
const form = (mode) => panels[mode].querySelector("form");

/** The settings of a mode by name. */
export const settings = (mode) => Object.fromEntries(new FormData(form(mode)));

/** The form of Quick. */
export const quick = form("quick");

/** Call a function when a link or a job has set the settings of Quick. */
export const onApply = (listen) => quick.addEventListener("applied", listen);

/** Call a function when a setting of Quick changes. */
export const onMove = (listen) => quick.addEventListener("moved", listen);

/** Tell those who listen that one has. */
export const moved = () => quick.dispatchEvent(new Event("moved"));

/** Set what a link or a job says; what it does not name stays as it is. */
export function apply({ mode, settings, ...shared }) {
  for (const one of mode ? [mode] : Object.keys(panels)) {
    for (const field of form(one).elements) {
      if (!(field.name in settings)) continue;
      const value = String(settings[field.name]);
      if (field.type !== "radio") field.value = value;
      else if (field.value === value) field.checked = true;
    }
    for (const number of form(one).querySelectorAll("[type=number]")) enter(number);
    showSeed();
    form(one).dispatchEvent(new Event("applied"));
  }
  const mask = settings.mask ? { photo: shared.photo?.source, data: settings.mask } : null;
  set({ mode: mode ?? get("mode"), mask, ...shared });
}

// Tabs.

on(["mode"], () => {
  for (const tab of tabs) {
    const open = tab.dataset.mode === get("mode");
    tab.setAttribute("aria-selected", open);
    tab.tabIndex = open ? 0 : -1;
    panels[tab.dataset.mode].hidden = !open;
  }
});
for (const [i, tab] of tabs.entries()) {
  tab.addEventListener("click", () => set({ mode: tab.dataset.mode }));
  tab.addEventListener("keydown", ({ key }) => {
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: -1 }[key];
    if (to === undefined) return;
    const next = tabs.at(to % tabs.length);
    next.focus();
    next.click();
  });
}

// Numbers, each with a slider.

/** Bring what was typed within its bounds; what is not a number gives way to what was there. */
function enter(number) {
  const range = number.parentElement.querySelector("[type=range]");
  const typed = Number.isNaN(number.valueAsNumber) ? Number(range.value) : number.valueAsNumber;
  const whole = Number.isInteger(Number(number.step)) ? Math.round(typed) : typed;
  number.value = Math.min(number.max, Math.max(number.min, whole));
  range.value = number.value;
}

for (const mode of Object.keys(panels)) {
  form(mode).addEventListener("input", ({ target }) => {
    if (target.type === "range") target.parentElement.querySelector("[type=number]").value = target.value;
  });
  form(mode).addEventListener("change", ({ target }) => target.type === "number" && enter(target));
  form(mode).addEventListener("submit", (event) => event.preventDefault());
}
// A slider is followed as it moves; what is typed or chosen counts once it is.
quick.addEventListener("input", ({ target }) => target.type === "range" && moved());
quick.addEventListener("change", ({ target }) => target.type !== "range" && moved());

// Another painting of the same photo: the seed of what a network adds by chance.

const { seed } = quick.elements;
const [back, next] = panels.quick.querySelectorAll(".another button");

function showSeed() {
  const first = seed.value === "0";
  if (first && document.activeElement === back) next.focus();
  back.hidden = first;
}

for (const button of [back, next]) {
  button.addEventListener("click", () => {
    seed.value = Math.max(0, Number(seed.value) + Number(button.dataset.by));
    showSeed();
    moved();
  });
}

// The styles of Quick: one is chosen, or two are mixed. What is chosen is in a field of the form, as
// "wave" or "wave:0.6,kiss:0.4".

import { el, titled } from "./dom.js";
import { ask, look, picture } from "./server.js";
import { onApply, quick } from "./settings.js";
import { get, memory, on } from "./state.js";

const section = document.getElementById("styles");
const parts = [".slots", ".share", "#swatches", ".find", ".groups", ".none", ".own"];
const [slots, share, panel, find, groups, none, own] = parts.map((one) => section?.querySelector(one));
const mat = document.querySelector("#viewer .mat");
const field = quick.elements.style;
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

let styles = new Map(); // by name
let slot = 0; // which of the two a choice is for
let onPhoto = false; // whether the swatches show the photo

/** The names of what is chosen. */
export const chosen = () => field.value.split(",").map((part) => part.split(":")[0]);
const firstShare = () => Number(field.value.split(/[:,]/)[1] ?? 1);

/** List the styles anew. */
export async function refresh() {
  list((await ask("studio/styles")).styles);
}

function list(all) {
  styles = new Map(all.map((style) => [style.name, style]));
  const names = [...new Set(all.map(({ group }) => group))];
  groups.replaceChildren(
    ...names.map((name) =>
      el(
        "div.group",
        {},
        names.length > 1 ? el("h3", {}, name || "Others") : null,
        el("div.swatches", {}, ...all.filter(({ group }) => group === name).map(swatch)),
      ),
    ),
  );
  search();
  draw();
  showPictures();
}

function swatch({ name, about, group, words }) {
  const title = about || titled(name);
  const radio = el("input.unseen", { type: "radio", name: "pick", value: name });
  const label = { title, "data-words": plain([name, about, group, words].join(" ")) };
  const image = el("img", { alt: "", width: 84, height: 84, "data-alt": title });
  return el("label.swatch", label, radio, image, el("span", {}, titled(name)));
}

// What is chosen.

function pick(name) {
  const [first, second] = chosen();
  if (slot === 0) choose(name, second);
  else choose(first, name, second ? firstShare() : 0.5);
}

/** Choose one style, or two and the share of the first. */
export function choose(first, second = null, part = firstShare()) {
  const rest = (1 - part).toFixed(2);
  const two = second && second !== first;
  field.value = two ? `${first}:${Number(part.toFixed(2))},${second}:${Number(rest)}` : first;
  draw();
  quick.dispatchEvent(new Event("moved"));
}

function draw() {
  const names = chosen();
  const [one, two, unmix] = slots.children;
  const small = (name) => el("img", { src: address(name, false), alt: "", width: 36, height: 36 });
  one.replaceChildren(small(names[0]), el("span", {}, titled(names[0])));
  two.replaceChildren(...(names[1] ? [small(names[1])] : []), el("span", {}, names[1] ? titled(names[1]) : "Mix in another"));
  one.ariaPressed = slot === 0;
  two.ariaPressed = slot === 1;
  unmix.hidden = !names[1];
  share.hidden = !names[1];
  const [said, range] = share.children;
  range.value = 100 * firstShare();
  said.textContent = names[1] && `${range.value} % ${titled(names[0])}, ${100 - range.value} % ${titled(names[1])}`;
  for (const radio of radios()) {
    radio.checked = radio.value === names[slot];
    radio.parentElement.classList.toggle("also", radio.value === names[1 - slot]);
  }
}

const radios = () => groups.querySelectorAll("input");

// The picker. On a narrow screen it is a sheet over the lower half.

function turn(to, open = true) {
  slot = to;
  section.classList.toggle("open", open);
  draw();
  // The picture is seen above the sheet.
  if (open && getComputedStyle(panel).position === "fixed") mat.scrollIntoView({ block: "start" });
  groups.querySelector(":checked")?.parentElement.scrollIntoView({ block: "nearest" });
}

function search() {
  const words = plain(find.firstElementChild.value).split(/\s+/);
  for (const label of groups.querySelectorAll("label")) {
    label.hidden = !words.every((word) => label.dataset.words.includes(word));
  }
  for (const group of groups.children) group.hidden = !group.querySelector("label:not([hidden])");
  none.hidden = Boolean(groups.querySelector("label:not([hidden])"));
}

function onKey(event) {
  const { key, target, altKey, ctrlKey, metaKey } = event;
  const input = find.firstElementChild;
  const found = groups.querySelector("label:not([hidden]) input");
  if (key === "Escape") turn(slot, false);
  else if (target.type === "radio" && key.length === 1 && key !== " " && !(altKey || ctrlKey || metaKey)) input.focus();
  else if (target === input && found && ["ArrowDown", "Enter"].includes(key)) {
    event.preventDefault();
    found.focus();
    if (key === "Enter") found.click();
  }
}

// The pictures: those in sight, one after the other, as each is made.

const waiting = new Set();
let loading = false;
const sight = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) waiting[isIntersecting ? "add" : "delete"](target);
  load();
});

function address(name, mine) {
  const version = styles.get(name)?.version;
  return mine ? look(name, get("photo").source, version) : picture(`swatch:${name}`, 160, version);
}

function load() {
  const [image] = loading ? [] : waiting;
  if (!image) return;
  waiting.delete(image);
  sight.unobserve(image);
  loading = true;
  image.onload = image.onerror = () => {
    loading = false;
    load();
  };
  image.alt = image.dataset.alt; // not before: without a picture it would be in its place
  image.src = address(image.parentElement.firstElementChild.value, onPhoto);
}

/** Show all styles on a sample, or on the photo; what still waits for the other is dropped. */
function showPictures() {
  own.hidden = !get("photo");
  onPhoto = Boolean(get("photo") && memory("looks"));
  own.ariaPressed = onPhoto;
  waiting.clear();
  for (const image of groups.querySelectorAll("img")) {
    sight.unobserve(image);
    sight.observe(image);
  }
}

if (section) {
  list(JSON.parse(section.dataset.styles));
  groups.addEventListener("change", ({ target }) => pick(target.value));
  slots.children[0].addEventListener("click", () => turn(0));
  slots.children[1].addEventListener("click", () => turn(1));
  slots.children[2].addEventListener("click", () => {
    slot = 0;
    choose(chosen()[0]);
    slots.firstElementChild.focus();
  });
  share.lastElementChild.addEventListener("input", ({ target }) => {
    const [first, second] = chosen();
    choose(first, second, target.value / 100);
  });
  find.firstElementChild.addEventListener("input", search);
  find.lastElementChild.addEventListener("click", () => turn(slot, false));
  own.addEventListener("click", () => {
    memory("looks", !onPhoto);
    showPictures();
  });
  panel.addEventListener("keydown", onKey);
  onApply("quick", () => turn(0, false));
  on(["photo"], showPictures);
}

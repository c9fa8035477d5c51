// The styles of Quick: one is chosen, or two are mixed. What is chosen is in a field of the form, as
// "wave" or "wave:0.6,kiss:0.4".

import { el, mixed, parts, titled, together } from "./dom.js";
import { show } from "./messages.js";
import { ask, look, picture } from "./server.js";
import { moved, onApply, quick } from "./settings.js";
import { get, memory, on } from "./state.js";

const section = document.getElementById("styles");
const [slots, share, panel] = parts(section, ".slots", ".share", "#swatches");
const [input, own, done, groups, none] = parts(panel, "input", ".own", ".shut", ".groups", ".none");
const mat = document.querySelector("#viewer .mat");
const field = quick.elements.style;
const usual = field.value;
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const labels = new Map(); // the elements of styles, by what they show
let styles = new Map(); // by name
let asked = 0; // how many lists were
let slot = 0; // which of the two a choice is for
let onPhoto = false; // whether the swatches show the photo

/** The names of what is chosen. */
export const chosen = () => mixed(field.value);
const firstShare = () => Number(field.value.split(/[:,]/)[1] ?? 1);

/** List the styles anew, unless a later list is there or asked for. */
export async function refresh() {
  const mine = ++asked;
  const { styles } = await ask("studio/styles");
  if (mine === asked) list(styles);
}

function list(all) {
  styles = new Map(all.map((style) => [style.name, style]));
  const old = groups.querySelectorAll("label");
  if (old.length !== all.length || all.some((style, i) => swatch(style) !== old[i])) arrange(all);
  showPictures();
  if (forget()) moved();
}

/** Arrange the styles in groups; the focus stays. */
function arrange(all) {
  const focused = groups.querySelector(":focus");
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
  input.placeholder = `Search ${all.length} styles`;
  focused?.focus({ preventScroll: true });
  search();
}

/** The element of a style: the same as long as it shows the same. */
function swatch({ name, about, group, words }) {
  const shown = JSON.stringify([name, about, group, words]);
  if (labels.has(shown)) return labels.get(shown);
  const title = about || titled(name);
  const radio = el("input.unseen", { type: "radio", name: "pick", value: name });
  const label = { title, "data-words": plain([name, about, group, words].join(" ")) };
  const image = el("img", { alt: "", width: 84, height: 84, "data-alt": title });
  labels.set(shown, el("label.swatch", label, radio, image, el("span", {}, titled(name))));
  return labels.get(shown);
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
  if (!two) slot = 0;
  draw();
  moved();
}

/** Forget what is chosen and no longer exists; return whether there was such a style. */
function forget() {
  const gone = chosen().filter((name) => !styles.has(name));
  if (gone.length) {
    show(`The style ${together(gone)} no longer exists.`, "style");
    slot = 0;
    field.value = chosen().find((name) => styles.has(name)) ?? usual;
  }
  draw();
  return gone.length > 0;
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

const isSheet = () => getComputedStyle(panel).position === "fixed";

/** Choose the first or the second style. */
function turn(to) {
  slot = to;
  section.classList.add("open");
  draw();
  if (isSheet()) {
    mat.scrollIntoView({ block: "start" }); // the picture is seen above the sheet
    (groups.querySelector(":checked") ?? radios()[0]).focus({ preventScroll: true });
  }
  reveal();
}

const reveal = () => groups.querySelector(":checked")?.parentElement.scrollIntoView({ block: "nearest" });

function shut() {
  const focused = isSheet() && panel.contains(document.activeElement);
  section.classList.remove("open");
  if (focused) slots.children[slot].focus({ preventScroll: true });
}

function search() {
  const words = plain(input.value).split(/\s+/);
  for (const label of groups.querySelectorAll("label")) {
    label.hidden = !words.every((word) => label.dataset.words.includes(word));
  }
  for (const group of groups.children) group.hidden = !group.querySelector("label:not([hidden])");
  none.hidden = Boolean(groups.querySelector("label:not([hidden])"));
}

function onKey(event) {
  const { key, target, altKey, ctrlKey, metaKey } = event;
  const found = groups.querySelector("label:not([hidden]) input");
  if (key === "Escape") shut();
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

const wanted = (image) => address(image.parentElement.firstElementChild.value, onPhoto);

function load() {
  const [image] = loading ? [] : waiting;
  if (!image) return;
  waiting.delete(image);
  sight.unobserve(image);
  loading = true;
  const next = () => {
    loading = false;
    load();
  };
  image.onload = next;
  image.onerror = () => {
    image.removeAttribute("src"); // it is asked for again when the studio answers
    image.alt = "";
    next();
  };
  image.alt = image.dataset.alt; // not before: without a picture it would be in its place
  image.src = wanted(image);
}

/** Show all styles on a sample, or on the photo; what still waits for the other is dropped. */
function showPictures() {
  own.hidden = !get("photo");
  onPhoto = Boolean(get("photo") && memory("looks"));
  own.ariaPressed = onPhoto;
  waiting.clear();
  for (const image of groups.querySelectorAll("img")) {
    sight.unobserve(image);
    if (image.src !== wanted(image)) sight.observe(image);
  }
}

if (section) {
  list(JSON.parse(section.dataset.styles));
  groups.addEventListener("change", ({ target }) => pick(target.value));
  const [one, two, unmix] = slots.children;
  one.addEventListener("click", () => turn(0));
  two.addEventListener("click", () => turn(1));
  unmix.addEventListener("click", () => {
    choose(chosen()[0]);
    one.focus();
  });
  share.lastElementChild.addEventListener("input", ({ target }) => {
    const [first, second] = chosen();
    choose(first, second, target.value / 100);
  });
  input.addEventListener("input", search);
  done.addEventListener("click", shut);
  own.addEventListener("click", () => {
    memory("looks", !onPhoto);
    showPictures();
  });
  panel.addEventListener("keydown", onKey);
  onApply(() => {
    slot = 0;
    shut();
    forget();
    reveal();
  });
  on(["photo", "connected"], showPictures);
}

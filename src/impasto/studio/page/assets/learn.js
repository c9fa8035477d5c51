// Learning paintings: one that is dropped in Quick becomes a style, better while it is learnt.

import { duration, el, takeFiles, titled } from "./dom.js";
import { attempt, reading, show } from "./messages.js";
import { ask, post } from "./server.js";
import { onApply, onMove, quick } from "./settings.js";
import { get, on } from "./state.js";
import { choose, chosen, refresh } from "./swatches.js";
import { upload } from "./upload.js";
import { button, careful } from "./viewer.js";
import { plain } from "./words.js";

const EVERY = 1000; // milliseconds between looks while something is learnt
const FILE = ".safetensors"; // of a style

const section = document.getElementById("learn");
const [list, menu, input, file] = [".learning", ".mine", "#learn-file", "#style-file"].map((one) =>
  section?.querySelector(one),
);
let styles = []; // one's own, the newest first
let planned = ""; // what the menu shows
let edited = null; // the style whose name is edited
let wanted = null; // the style that is to be chosen once there is something of it
let timer = 0;
let looks = 0;

const underWay = ({ state }) => ["queued", "running"].includes(state);
const address = ({ name }) => `v1/styles/${encodeURIComponent(name)}`;
const versions = (all) => all.map(({ name, version }) => `${name} ${version}`).join();

async function look() {
  clearTimeout(timer);
  const mine = ++looks;
  const before = styles;
  let found;
  try {
    found = (await ask("studio/learning")).styles;
  } catch {
    return; // it is asked again once the studio answers
  }
  if (mine !== looks) return;
  styles = found;
  if (versions(styles) !== versions(before)) await refresh();
  for (const one of before) if (underWay(one)) follow(one);
  draw();
  if (styles.some(underWay) && !document.hidden) timer = setTimeout(look, EVERY);
}

/** Show what has become of a style that was under way: a better picture, or why it failed. */
async function follow(before) {
  const now = styles.find(({ job }) => job === before.job);
  if (!now || now.state === "failed") {
    const { error } = await ask(`v1/jobs/${before.job}`).catch(() => ({}));
    if (error) show(`${titled(before.name)} could not be learnt: ${plain(error.detail)}.`, before.name);
    return;
  }
  if (now.version === before.version || get("job") || get("mode") !== "quick") return;
  if (now.name === wanted) choose(now.name);
  else if (chosen().includes(now.name)) quick.dispatchEvent(new Event("moved"));
  if (now.name === wanted) wanted = null;
}

/** Learn paintings, and take in the files of styles. */
function take(files) {
  reading(section, async () => {
    for (const one of files) {
      if (one.name.endsWith(FILE)) await takeIn(one);
      else await learn(one);
    }
  });
}

async function learn(painting) {
  const answer = await upload(painting, section);
  if (!answer) return;
  wanted = (await post("studio/styles", { painting: answer.source, name: painting.name })).name;
  await look();
}

async function takeIn(one) {
  const body = new FormData();
  body.append("file", one);
  const { style } = await ask("v1/styles", { method: "POST", body });
  await look();
  choose(style);
}

function draw() {
  const busy = styles.filter(underWay);
  const [old, now] = [[...list.children].map(({ dataset }) => dataset.job), busy.map(({ job }) => job)];
  if (old.join() !== now.join()) list.replaceChildren(...busy.map(item));
  for (const [i, one] of busy.entries()) {
    const [text, bar, stop] = list.children[i].children;
    text.textContent = caption(one);
    if (one.state === "running" && one.version) bar.value = one.seconds / one.budget;
    stop.hidden = !one.version;
  }
  drawMenu();
}

function caption({ name, state, ahead, version, remaining }) {
  const title = titled(name);
  if (state === "queued") return ahead ? `${title} waits, ${ahead} ahead of it` : `${title} waits for its turn`;
  if (!version) return `Learning ${title}, soon there is a first look…`;
  return `Learning ${title}, ${duration(remaining ?? 0)} left`;
}

function item(one) {
  const stop = () => post(`v1/jobs/${one.job}/stop`).then(look);
  const bar = el("progress", { max: 1, "aria-label": `Progress of ${titled(one.name)}` });
  const end = button("stop", "Stop", stop, "Keep what is learnt so far");
  const drop = careful("drop", "Cancel", "Cancel, and lose it", () => remove(one));
  return el("li", { "data-job": one.job }, el("span"), bar, end, drop);
}

// The menu of the chosen style, if it is one's own.

function drawMenu() {
  const one = styles.find((style) => style.name === chosen()[0] && !underWay(style));
  const plan = one ? `${one.name} ${one.seconds} ${edited === one.name}` : "";
  if (plan === planned) return;
  planned = plan;
  menu.hidden = !one;
  menu.replaceChildren(...(one ? (edited === one.name ? [form(one)] : actions(one)) : []));
  menu.querySelector("input")?.select();
}

/** Show a field for the name of a style, or without a style none. */
function edit(name) {
  edited = name;
  drawMenu();
}

function actions(one) {
  const more = () => post(`${address(one)}/learn`).then(look);
  return [
    el("p.hint", {}, `${titled(one.name)}, learnt for ${duration(one.seconds)}`),
    button("more", "Learn on", more, "Learn it for another minute"),
    button("rename", "Rename", () => edit(one.name)),
    el("a.button", { href: `${address(one)}/file`, download: "" }, "Download"),
    careful("remove", "Delete", "Delete for good", () => remove(one)),
  ];
}

function form(one) {
  const name = el("input", { value: one.name, "aria-label": "Name of the style", maxlength: 40, required: true });
  const made = el("form", {}, name, el("button.primary", {}, "Save"));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => rename(one, name.value.trim()));
  });
  made.addEventListener("keydown", ({ key }) => key === "Escape" && edit(null));
  return made;
}

async function rename(one, name) {
  const headers = { "Content-Type": "application/json" };
  const { style } = await ask(address(one), { method: "PATCH", headers, body: JSON.stringify({ name }) });
  edited = null;
  choose(style);
  await look();
}

/** Choose another style, and remove one. */
async function remove(one) {
  await ask(address(one), { method: "DELETE" });
  const names = [...document.querySelectorAll("#swatches [name=pick]")].map(({ value }) => value);
  choose(names.find((name) => name !== one.name));
  await look();
}

if (section) {
  takeFiles(section, input, take);
  file.addEventListener("change", () => {
    take([...file.files]);
    file.value = "";
  });
  onMove("quick", () => drawMenu());
  onApply("quick", () => drawMenu());
  on(["connected"], () => get("connected") && look());
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
}

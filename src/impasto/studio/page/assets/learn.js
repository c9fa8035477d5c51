// Learning paintings: one that is dropped in Quick becomes a style, better while it is learnt.

import { duration, el, parts, takeFiles, titled } from "./dom.js";
import { underWay } from "./job.js";
import { reading, show } from "./messages.js";
import { polling } from "./poll.js";
import { ask, form, post } from "./server.js";
import { moved, onApply, onMove } from "./settings.js";
import { get, on } from "./state.js";
import { choose, chosen, refresh } from "./swatches.js";
import { deliver, sayReduced, upload } from "./upload.js";
import { button, careful } from "./viewer.js";
import { words } from "./words.js";

const EVERY = 1000; // milliseconds between looks while something is learnt
const FILE = ".safetensors"; // of a style

const section = document.getElementById("learn");
const [list, menu, input, file] = parts(section, ".learning", ".mine", "#learn-file", "#style-file");
let styles = []; // one's own, the newest first
let planned = ""; // what the menu shows
let edited = null; // the style whose name is edited
let wanted = null; // the style that is to be chosen once there is something of it
let better = false; // whether a chosen style is better than the picture that is shown

const address = ({ name }) => `v1/styles/${encodeURIComponent(name)}`;
const versions = (all) => all.map(({ name, job, version }) => `${name} ${job} ${version}`).join();

const look = polling(async (isLatest) => {
  const { styles: found } = await ask("studio/learning");
  if (versions(found) !== versions(styles)) await refresh();
  if (!isLatest()) return false;
  const before = styles.filter(underWay);
  styles = found;
  for (const one of before) follow(one);
  update();
  draw();
  return styles.some(underWay);
}, EVERY);

/** See what has become of a style that was under way: a better one, or why it failed. */
async function follow(before) {
  const now = styles.find(({ job }) => job === before.job);
  if (now && now.state !== "failed") {
    better ||= now.version !== before.version && chosen().includes(now.name);
    return;
  }
  const { error } = await ask(`v1/jobs/${before.job}`).catch(() => ({}));
  if (error) show(`${titled(before.name)} could not be learnt. ${words(error)}`, before.name);
}

/** Show in Quick what is new. A painting that is shown stays. */
function update() {
  if (get("job") || get("mode") !== "quick") return;
  if (styles.some(({ name, version }) => version && name === wanted)) {
    choose(wanted);
    wanted = null;
  } else if (better && get("result")) moved();
  better = false;
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
  sayReduced(section, "Your painting", answer);
  wanted = (await post("studio/styles", { painting: answer.source, name: painting.name })).name;
  await look();
}

async function takeIn(one) {
  const answer = await deliver("v1/styles", form({ file: one }), section);
  if (!answer) return;
  await look();
  choose(answer.style);
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
  const stop = () => post(`v1/jobs/${one.job}/stop`).finally(look);
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
  const focused = menu.contains(document.activeElement);
  menu.hidden = !one;
  menu.replaceChildren(...(one ? (edited === one.name ? [renaming(one)] : actions(one)) : []));
  menu.querySelector("input")?.select();
  if (focused) (menu.querySelector("input, button") ?? input).focus();
}

/** Show a field for the name of a style, or without a style none. */
function edit(name) {
  edited = name;
  drawMenu();
}

function actions(one) {
  const more = () => post(`${address(one)}/learn`).finally(look);
  return [
    el("p.hint", {}, `${titled(one.name)}, learnt for ${duration(one.seconds)}`),
    button("more", "Learn on", more, "Learn it for another minute"),
    button("rename", "Rename", () => edit(one.name)),
    el("a.button", { href: `${address(one)}/file`, download: "" }, "Download"),
    careful("remove", "Delete", "Delete for good", () => remove(one)),
  ];
}

function renaming(one) {
  const name = el("input", { value: one.name, "aria-label": "Name of the style", maxlength: 40 });
  const save = button("save", "Save", () => rename(one, name.value.trim()));
  save.className = "primary";
  save.type = "submit"; // Enter clicks it
  const onkeydown = ({ key }) => key === "Escape" && edit(null);
  return el("form", { onkeydown, onsubmit: (event) => event.preventDefault() }, name, save);
}

async function rename(one, name) {
  const { style } = await post(address(one), { name }, { method: "PATCH" });
  edited = null;
  one.name = style;
  choose(style, chosen()[1]);
  await refresh();
}

const remove = (one) => ask(address(one), { method: "DELETE" }).finally(look);

if (section) {
  takeFiles(document.getElementById("way-quick"), [input, file], take);
  onMove(drawMenu);
  onApply(drawMenu);
  on(["job", "mode"], update);
  look();
}

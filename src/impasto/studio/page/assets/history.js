// All that was made, the newest first: small pictures that open again. Several are deleted at once.

import { el, parts, title } from "./dom.js";
import { onProgress, open, remove, underWay } from "./job.js";
import { polling } from "./poll.js";
import { ask, picture } from "./server.js";
import { get, on } from "./state.js";
import { button, careful } from "./viewer.js";

const EVERY = 3000; // milliseconds between looks while something is under way
const PAGE = 24;
const KINDS = { paint: "Painting", apply: "Quick", video: "Film" };
const STATES = { queued: "waiting", stopped: "stopped", failed: "failed", cancelled: "cancelled" };

const section = document.getElementById("history");
const [list, none, more, bar] = parts(section, ".shots", ".hint", ".more", ".several");
const shots = new Map(); // what is listed, by id: `item` is its element
let shown = [];
let selected = null; // the ids of those that are selected, while some are to be
let limit = PAGE;

const look = polling(async (isLatest) => {
  const answer = await ask(`studio/jobs?limit=${limit}`);
  if (!isLatest()) return false;
  shown = answer.jobs;
  more.hidden = !answer.more;
  draw();
  return shown.some(underWay);
}, EVERY);

/** Change what has changed, and nothing else: focus and scroll stay. */
function draw() {
  shown = shown.filter(({ id }) => !get("leaving").includes(id));
  const ids = new Set(shown.map(({ id }) => id));
  for (const [id, { item }] of shots) {
    if (ids.has(id)) continue;
    item.remove();
    shots.delete(id);
    selected?.delete(id);
  }
  shown.forEach((job, place) => {
    if (!shots.has(job.id)) shots.set(job.id, shot(job));
    const { item, update } = shots.get(job.id);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place]);
    update(job);
  });
  none.hidden = shown.length > 0;
  drawBar();
}

/** A small picture that stays the same element while its job goes on. */
function shot({ id, kind, photo, styles, created }) {
  const name = title(photo, styles);
  const image = el("img", { alt: "", onerror: () => image.removeAttribute("src") }); // asked for again
  const blank = el("span.blank");
  const note = el("span.state");
  const made = el(
    "button.shot",
    { type: "button", "data-job": id, title: name, onclick: () => (selected ? toggle(id) : open(id)) },
    image,
    blank,
    kind === "paint" ? el("img.of", { src: small(`style:${id}:0`), alt: "", loading: "lazy" }) : null,
    note,
    el("span.title", {}, name),
    el("span.when", {}, when(new Date(created * 1000))),
  );
  const update = (job) => {
    const state = job.state === "running" ? percent(job) : (STATES[job.state] ?? "");
    const mark = state || (kind === "video" ? "film" : "");
    const address = job.version && small(`job:${id}`, job.version);
    if (address && image.getAttribute("src") !== address) image.src = address;
    [image.hidden, blank.hidden] = [!address, Boolean(address)];
    if (note.textContent !== mark) note.textContent = mark;
    note.hidden = !mark;
    const about = `${KINDS[kind]}: ${name}${state ? `, ${state}` : ""}`;
    made.ariaLabel = `${selected ? "Select" : "Open"} ${about}`;
    made.ariaCurrent = id === get("job") ? "true" : null;
    made.ariaPressed = selected ? String(selected.has(id)) : null;
  };
  return { item: el("li", {}, made), update };
}

const small = (source, version) => picture(source, 160, version);
const percent = ({ step, steps }) => (steps ? `${Math.floor((100 * step) / steps)} %` : "starting");

/** The time today, else the day. */
function when(date) {
  if (date.toDateString() !== new Date().toDateString()) {
    return date.toLocaleDateString([], { day: "numeric", month: "short" });
  }
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

// Several at once.

function select(ids) {
  selected = ids && new Set(ids);
  draw();
}

function toggle(id) {
  if (!selected.delete(id)) selected.add(id);
  draw();
}

/** Show the buttons for several at once. When the selection changes, a question is asked anew. */
function drawBar() {
  bar.hidden = !shots.size;
  const plan = selected ? [...selected].join() : "none";
  if (bar.dataset.plan === plan) return;
  bar.dataset.plan = plan;
  const focused = bar.contains(document.activeElement);
  bar.replaceChildren(...(selected ? actions() : [button("select", "Select", () => select([]))]));
  if (focused) bar.firstElementChild.focus();
}

function actions() {
  const number = selected.size;
  const all = number === shots.size;
  const choose = button("all", all ? "None" : "All", () => select(all ? [] : shots.keys()));
  const erase = careful("erase", `Delete ${number}`, `Delete ${number} for good`, async () => {
    await remove([...selected]);
    select(null);
  });
  return [choose, ...(number ? [erase] : []), button("done", "Done", () => select(null))];
}

function press({ key }) {
  if (!selected) return;
  if (key === "Escape") select(null);
  if (key === "Delete") bar.querySelector("[data-action=erase]")?.focus();
}

more.addEventListener("click", async () => {
  const first = shots.size;
  limit += PAGE;
  await look();
  list.children[first]?.firstElementChild.focus();
});
section.addEventListener("keydown", press);
onProgress(look);
on(["job", "leaving"], draw);
on(["leaving"], () => get("leaving").length || look());
look();

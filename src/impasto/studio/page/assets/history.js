// All that was made, the newest first: small pictures that open again.

import { el, titled } from "./dom.js";
import { onProgress, underWay } from "./job.js";
import { ask, picture } from "./server.js";
import { get, on, set } from "./state.js";

const EVERY = 3000; // milliseconds between looks while something is under way
const PAGE = 24;
const STATES = { queued: "waiting", stopped: "stopped", failed: "failed", cancelled: "cancelled" };

const section = document.getElementById("history");
const [list, none, more] = [".shots", ".hint", ".more"].map((one) => section.querySelector(one));
let shown = [];
let timer = 0;
let asked = 0;

async function look(extra = 0) {
  clearTimeout(timer);
  const mine = ++asked;
  const limit = Math.max(PAGE, shown.length + extra);
  try {
    const answer = await ask(`studio/jobs?limit=${limit}`);
    if (mine !== asked) return;
    shown = answer.jobs;
    more.hidden = !answer.more;
    draw();
  } catch {
    if (mine !== asked) return; // else the next look may have more luck
  }
  if (shown.some(underWay) && !document.hidden) timer = setTimeout(look, EVERY);
}

function draw() {
  const jobs = shown.filter(({ id }) => id !== get("leaving"));
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.job : null;
  none.hidden = jobs.length > 0;
  list.replaceChildren(...jobs.map(shot));
  if (focused) list.querySelector(`[data-job="${focused}"]`)?.focus();
}

function shot(job) {
  const state = job.state === "running" ? percent(job) : STATES[job.state];
  const title = titled(job.title);
  const what = `${job.kind === "paint" ? "Painting" : "Quick"}: ${title}`;
  const small = (source, version) => picture(source, 160, version);
  const attributes = {
    type: "button",
    "data-job": job.id,
    "aria-label": `Open ${what}${state ? `, ${state}` : ""}`,
    "aria-current": job.id === get("job") && "true",
    onclick: () => open(job.id),
  };
  const button = el(
    "button.shot",
    attributes,
    job.version ? el("img", { src: small(`job:${job.id}`, job.version), alt: "" }) : el("span.blank"),
    job.kind === "paint" ? el("img.of", { src: small(`style:${job.id}:0`), alt: "", loading: "lazy" }) : null,
    state ? el("span.state", {}, state) : null,
    el("span.title", {}, title),
    el("span.when", {}, when(new Date(job.created * 1000))),
  );
  return el("li", {}, button);
}

const percent = ({ step, steps }) => (steps ? `${Math.floor((100 * step) / steps)} %` : "starting");

/** The time today, else the day. */
function when(date) {
  if (date.toDateString() !== new Date().toDateString()) {
    return date.toLocaleDateString([], { day: "numeric", month: "short" });
  }
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function open(job) {
  set({ job, result: null });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.querySelector("main").scrollIntoView({ behavior: still ? "auto" : "smooth" });
}

export function start() {
  more.addEventListener("click", () => look(PAGE));
  onProgress(() => look());
  on(["job", "leaving"], draw);
  on(["leaving"], () => get("leaving") || look());
  on(["connected"], () => get("connected") && look());
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
}

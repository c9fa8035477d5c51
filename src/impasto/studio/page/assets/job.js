// The job that is shown: asked about again and again while it is under way.

import { compare } from "./compare.js";
import { duration, titled } from "./dom.js";
import { drawLosses } from "./losses.js";
import { ask, picture, post } from "./server.js";
import { apply } from "./settings.js";
import { get, on, set } from "./state.js";
import { advance, button, careful, download, offer, reveal, say } from "./viewer.js";

const EVERY = 1000; // milliseconds between looks
const SIDE = 1280;
const FULL = "The disk of the server is full; the painting goes on when there is room";

let job = null; // the latest answer
let rows = []; // its losses
let looks = 0;
let timer = 0;
const listeners = [];

export const underWay = ({ state }) => ["queued", "running"].includes(state);

/** Call a function when the state or the picture of the job has changed. */
export const onProgress = (listen) => listeners.push(listen);

async function look() {
  clearTimeout(timer);
  const id = get("job");
  const mine = ++looks;
  if (!id || id === get("leaving")) return;
  const after = rows.at(-1)?.[0] ?? 0;
  let answer;
  try {
    answer = await ask(`studio/jobs/${encodeURIComponent(id)}?after=${after}`);
  } catch (error) {
    if (mine !== looks) return;
    reveal(true);
    if (error.status === 404) {
      say("This no longer exists.");
      advance(null);
      offer(button("close", "Close", close));
    } else if (error.status) {
      timer = setTimeout(look, EVERY);
    } // else it goes on when the studio answers again
    return;
  }
  if (mine !== looks) return;
  if (answer.step < after) {
    rows = []; // it was interrupted, and does some steps again
    return look();
  }
  rows.push(...answer.rows);
  const changed = job?.state !== answer.state || job?.version !== answer.version;
  job = answer;
  draw();
  if (changed) for (const listen of listeners) listen();
  if (underWay(job) && !document.hidden) timer = setTimeout(look, EVERY);
}

function draw() {
  const busy = underWay(job);
  reveal(true);
  compare({
    before: picture(`photo:${job.id}`, SIDE),
    after: job.version ? picture(`job:${job.id}`, SIDE, job.version) : null,
    width: job.width,
    height: job.height,
    about: `${job.kind === "paint" ? "The painting" : "The picture"}, ${caption()}`,
    split: busy ? 0 : undefined,
  });
  say(caption(), { quietly: job.state === "running" });
  advance(busy ? (job.steps ? job.step / job.steps : 0) : null);
  offer(...actions());
  drawLosses(job.kind === "paint" ? rows : [], busy ? job.steps : 0);
}

function caption() {
  const { state, step, steps, ahead, wish, waiting, remaining, seconds, width, height, error } = job;
  const size = width ? ` · ${width} × ${height}` : "";
  const left = remaining == null ? "" : ` · ${duration(remaining)} left`;
  if (state === "queued") return ahead ? `Waiting: ${ahead} ahead of it` : "Waiting for its turn";
  if (state === "running" && waiting) return FULL;
  if (state === "running" && wish) return wish === "stop" ? "Stopping after this step…" : "Cancelling…";
  if (state === "running") return step ? `Step ${step} of ${steps}${left}${size}` : "Getting ready…";
  if (state === "stopped") return step ? `Stopped at step ${step} of ${steps}${size}` : "Stopped before it began";
  if (state === "failed") return `It failed: ${error}`;
  if (state === "cancelled") return "Cancelled";
  if (job.kind === "paint") return `Done · ${step} steps in ${duration(seconds)}${size}`;
  return `${titled(job.title)}${size}`;
}

function actions() {
  const { id } = job;
  const change = (path) => async () => {
    await post(path);
    await look();
  };
  const files = [
    job.picture && download(`v1/jobs/${id}/picture`, "picture", "Download"),
    job.timelapse && download(`v1/jobs/${id}/timelapse`, "timelapse", "Time-lapse"),
  ];
  const end = [careful("remove", "Delete", "Delete for good", remove), button("close", "Close", close)];
  if (job.wish) return [];
  if (underWay(job)) {
    return [
      button("stop", "Stop", change(`v1/jobs/${id}/stop`)),
      careful("cancel", "Cancel", "Cancel, and lose it", remove),
    ];
  }
  if (job.state === "stopped") {
    return [
      button("goon", "Go on", change(`v1/jobs/${id}/go-on`)),
      job.picture && button("settle", "Keep it as it is", change(`studio/jobs/${id}/settle`)),
      ...files,
      ...end,
    ];
  }
  return [...files, button("again", "Again with these settings", again), ...end];
}

function close() {
  set({ job: null, result: null });
}

async function again() {
  apply({ ...(await ask(`studio/jobs/${job.id}/settings`)), job: null, result: null });
}

/** Cancel it, or delete it if it has ended. Meanwhile nobody asks for it. */
async function remove() {
  const { id } = job;
  set({ leaving: id });
  try {
    await ask(`v1/jobs/${id}`, { method: "DELETE" });
    if (get("job") === id) close();
  } finally {
    set({ leaving: null });
  }
}

export function start() {
  on(["job"], () => {
    document.body.classList.toggle("has-job", Boolean(get("job")));
    if (job?.id !== get("job")) [job, rows] = [null, []];
    drawLosses([], 0);
    look();
  });
  on(["leaving"], look);
  on(["connected"], () => get("connected") && look());
  document.addEventListener("visibilitychange", () => document.hidden || look());
}

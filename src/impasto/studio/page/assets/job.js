// The job that is shown: asked about again and again while it is under way.

import { addressOf } from "./address.js";
import * as clips from "./clips.js";
import { compare } from "./compare.js";
import { duration, title, together } from "./dom.js";
import { drawLosses } from "./losses.js";
import { show } from "./messages.js";
import { polling } from "./poll.js";
import { ask, picture, post } from "./server.js";
import { apply } from "./settings.js";
import { copy } from "./share.js";
import { get, on, set } from "./state.js";
import { advance, button, careful, download, entitle, offer, reveal, save, say } from "./viewer.js";
import { plain } from "./words.js";

const EVERY = 1000; // milliseconds between looks
const FULL = "The disk of the server is full; the painting goes on when there is room";

let job = null; // the latest answer
let rows = []; // its losses
const listeners = [];

export const underWay = ({ state }) => ["queued", "running"].includes(state);

/** Call a function when the state or the picture of the job has changed. */
export const onProgress = (listen) => listeners.push(listen);

const look = polling(async (isLatest) => {
  const id = get("job");
  if (!id || get("leaving").includes(id)) return false;
  const after = rows.at(-1)?.[0] ?? 0;
  let answer;
  try {
    answer = await ask(`studio/jobs/${encodeURIComponent(id)}?after=${after}`);
  } catch (error) {
    if (error.status !== 404 || !isLatest()) throw error;
    leave([id], [id]);
    show("This painting was deleted.", id);
    return false;
  }
  if (!isLatest()) return false;
  if (answer.step < after) {
    rows = []; // it was interrupted, and does some steps again
    return look();
  }
  rows.push(...answer.rows);
  const changed = job?.state !== answer.state || job?.version !== answer.version;
  job = answer;
  draw();
  if (changed) for (const listen of listeners) listen();
  return underWay(job);
}, EVERY);

function draw() {
  const busy = underWay(job);
  const { id, version } = job;
  entitle(title(job.photo, job.styles));
  compare({
    before: (side) => picture(`photo:${id}`, side),
    after: version ? (side) => picture(`job:${id}`, side, version) : null,
    width: job.width,
    height: job.height,
    about: `${job.kind === "paint" ? "The painting" : "The picture"}, ${caption()}`,
    split: busy ? 0 : undefined,
  });
  clips.play(job);
  say(caption(), { quietly: job.state === "running" });
  advance(busy ? (job.steps ? job.step / job.steps : 0) : null);
  offer(...actions());
  drawLosses(job.kind === "paint" ? rows : [], busy ? job.steps : 0);
}

function caption() {
  const { state, step, steps, ahead, wish, waiting, remaining, seconds, width, height } = job;
  const size = width ? ` · ${width} × ${height}` : "";
  const left = remaining == null ? "" : ` · ${duration(remaining)} left`;
  if (state === "queued") return ahead ? `Waiting · ${ahead} before it` : "Waiting · the next one";
  if (state === "running" && waiting) return FULL;
  if (state === "running" && wish) return wish === "stop" ? "Stopping after this step…" : "Cancelling…";
  if (state === "failed") return `It failed: ${plain(job.error)}`;
  if (state === "cancelled") return "Cancelled";
  if (job.kind === "video") return clips.caption(job, { left, size, time: duration(seconds) });
  if (state === "running" && !step) return steps ? `The first of ${steps} steps…` : "Preparing…";
  if (state === "running") return `Step ${step} of ${steps}${left}${size}`;
  if (state === "stopped") return step ? `Stopped at step ${step} of ${steps}${size}` : "Stopped before it began";
  if (job.kind === "paint") return `Done · ${step} steps in ${duration(seconds)}${size}`;
  return `${together(job.styles)}${size}`;
}

function actions() {
  const { id, kind } = job;
  const change = (path) => checked(() => post(path));
  const files = [
    ...clips.actions(job),
    job.picture && save(`job:${id}`, title(job.photo, job.styles), kind === "paint" ? "png" : "jpeg"),
    job.timelapse && download(`v1/jobs/${id}/timelapse`, "timelapse", "Time-lapse"),
  ];
  const link = button("link", "Copy link", (made) => copy(addressOf(id), made));
  const end = [
    link,
    careful("remove", "Delete", "Delete for good", () => remove([id])),
    button("close", "Close", close),
  ];
  if (job.wish) return [];
  if (underWay(job)) {
    return [
      button("stop", "Stop", change(`v1/jobs/${id}/stop`)),
      link,
      careful("cancel", "Cancel", "Cancel, and lose it", () => remove([id])),
    ];
  }
  if (job.state === "stopped") {
    return [
      button("goon", "Go on", change(`v1/jobs/${id}/go-on`)),
      (job.picture || job.film) && button("settle", "Keep it as it is", change(`studio/jobs/${id}/settle`)),
      ...files,
      ...end,
    ];
  }
  return [
    ...files,
    kind !== "video" && button("again", "Again", checked(kind === "paint" ? again : edit)),
    kind === "paint" && button("edit", "Change settings", checked(edit)),
    ...end,
  ];
}

/** Do something with the job, then see how it stands. If it is gone, that is all there is to say. */
const checked = (work) => async () => {
  try {
    await work();
  } catch (error) {
    await look();
    if (job) throw error;
  }
  await look();
};

/** Ask for a job, and show it. */
export const begin = async (path, wanted) => open((await post(path, wanted)).id);

/** Show a job. */
export function open(id) {
  set({ job: id, result: null });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.querySelector("main").scrollIntoView({ behavior: still ? "auto" : "smooth" });
}

function close() {
  set({ job: null, result: null });
}

const again = () => begin(`studio/jobs/${job.id}/again`);

async function edit() {
  apply({ ...(await ask(`studio/jobs/${job.id}/settings`)), job: null, result: null });
}

/** Cancel jobs, or delete those that have ended. Meanwhile nobody asks for them. */
export async function remove(ids) {
  set({ leaving: ids });
  const [ended, deleted] = [[], []];
  try {
    for (const id of ids) {
      const answer = await ask(`v1/jobs/${id}`, { method: "DELETE" }).catch(unlessGone);
      ended.push(id);
      if (answer === null) deleted.push(id); // else it was under way, and keeps its photo
    }
  } finally {
    leave(ended, deleted);
  }
}

function unlessGone(error) {
  if (error.status !== 404) throw error;
  return null;
}

/** Go on without jobs, and without the pictures that went with those that were deleted. */
function leave(ids, deleted) {
  const [photo, paintings] = [get("photo"), get("paintings")];
  const there = ({ source }) => !deleted.includes(source.split(":")[1]);
  set({ leaving: ids });
  if (paintings.some((one) => !there(one))) set({ paintings: paintings.filter(there) });
  if (photo && !there(photo)) set({ photo: null, result: null });
  if (ids.includes(get("job"))) close();
  set({ leaving: [] });
}

on(["job"], () => {
  document.body.classList.toggle("has-job", Boolean(get("job")));
  drawLosses([], 0);
  if (job?.id !== get("job")) [job, rows] = [null, []];
  if (get("job") && !job) {
    reveal(true);
    entitle("");
    say("Loading…");
    advance(0);
    offer();
  }
  look();
});
on(["leaving"], look);

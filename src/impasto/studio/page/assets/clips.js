// Clips: of one that is dropped, the first seconds are stylised as a look, then all of it as a film.

import { attempt } from "./messages.js";
import { ask, form } from "./server.js";
import { settings } from "./settings.js";
import { get, on, set } from "./state.js";
import { deliver } from "./upload.js";
import { button, download } from "./viewer.js";

const LOOK = { end: 2, size: 384, fps: 12 }; // seconds, pixels of the long side, frames a second
const REST = 600; // milliseconds without a move, after which there is a new look
const CLIP = /\.(mp4|m4v|mov|mkv|webm)$/i;
const ANIMATED = /^RIFF.{26}ANIM|^GIF.*!\xf9\x04.*!\xf9\x04/s; // WebP, and a GIF with two frames

const players = document.querySelector("#viewer .players");
const [film, clip] = players.querySelectorAll("video");
let shown = null; // the job of a film that is shown
let rest = 0;

/** Whether a file is to become a film. */
export async function isClip(file) {
  if (file.type.startsWith("video/") || CLIP.test(file.name)) return true;
  if (!/gif|webp/.test(file.type)) return false;
  return ANIMATED.test(new TextDecoder("latin1").decode(await file.arrayBuffer()));
}

/** Send a clip, and show the first seconds of it in the style that is chosen. */
export async function take(file, section, cancel) {
  const body = form({ ...settings("quick"), ...LOOK, name: file.name, clip: file });
  const job = await deliver("v1/videos", body, section, cancel);
  if (job) open(job, file.name);
}

/** Show a film. Its first frame is the photo of the page: what goes for photos goes for that. */
function open({ id, order: { clip, end } }, name = get("photo").name) {
  const { width, height } = clip;
  shown = { id, clip, look: end }; // a slider may move before more is known of it
  set({ job: id, result: null, photo: { source: `photo:${id}`, name, width, height } });
}

/** Take the clip of the film that is shown again; a look has had its day then. */
async function again(fields) {
  const { id, look } = shown;
  const body = form({ ...fields, again: id, name: get("photo").name });
  const job = await ask("v1/videos", { method: "POST", body });
  if (get("job") !== id) return; // something else is shown by now
  open(job);
  if (look) await ask(`v1/jobs/${id}`, { method: "DELETE" });
}

/** The film as long as the clip, and no larger than it. */
function whole() {
  const wanted = settings("quick");
  const { width, height } = shown.clip;
  return again({ ...wanted, size: Math.min(wanted.size, Math.max(width, height)) });
}

/** Have another look at the film that is shown once nothing moves any more; return whether there is one. */
export function restyle() {
  const free = shown?.look || shown?.film; // while all of it is stylised, the first frame is a photo
  if (!free || shown.id !== get("job")) return false;
  clearTimeout(rest);
  rest = setTimeout(() => attempt(() => again({ ...settings("quick"), ...LOOK })), REST);
  return true;
}

/** Show the players of a job, if it is of a film that can be played. */
export function play(job) {
  shown = job?.kind === "video" ? job : null;
  const version = shown?.film ? `${shown.id} ${shown.film}` : "";
  players.hidden = !version;
  players.parentElement.classList.toggle("playing", !players.hidden);
  if (players.dataset.of === version) return;
  players.dataset.of = version;
  clip.parentElement.hidden = false;
  for (const [player, what] of [[film, "film"], [clip, "clip"]]) {
    if (version) player.src = `v1/jobs/${shown.id}/${what}`;
    else player.removeAttribute("src");
    player.load(); // else one without an address would play on
  }
}

/** What can be done with the film of a job. */
export const actions = ({ id, film, look, state }) => [
  film && look && state === "done" && button("whole", "Make the film", whole, "Stylise all of the clip"),
  film && download(`v1/jobs/${id}/film`, "film", "Download"),
];

/** What is said of a film. */
export function caption({ state, step, steps, clip: { seconds }, look }, { left, size, time }) {
  const part = look && seconds > look ? `, the first ${look} s of ${Math.round(seconds)} s` : "";
  if (state === "running") return step ? `Frame ${step} of ${steps}${part}${left}${size}` : "Getting ready…";
  if (state === "stopped") return step ? `Stopped at frame ${step} of ${steps}${size}` : "Stopped before it began";
  return `Done · ${step} frames${part} in ${time}${size}`;
}

// The clip does what the film does.

const follow = () => {
  if (Math.abs(clip.currentTime - film.currentTime) > 0.1) clip.currentTime = film.currentTime;
  if (film.paused) clip.pause();
  else clip.play().catch(() => {}); // it may have ended, or not be one that this browser plays
};
for (const event of ["play", "pause", "seeked", "timeupdate"]) film.addEventListener(event, follow);
clip.addEventListener("error", () => (clip.parentElement.hidden = true));
on(["job"], () => {
  if (get("job") === shown?.id) return;
  clearTimeout(rest);
  play(null);
});

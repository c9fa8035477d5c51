// Quick: the photo is stylised whenever it or a setting changes. The latest settings win.
//
// One request is under way at a time. What would take longer is answered with a draft, and finished
// once nothing has moved for a while.

import { compare } from "./compare.js";
import { titled } from "./dom.js";
import { mask } from "./mask.js";
import { clear, show } from "./messages.js";
import { file, picture, post } from "./server.js";
import { onMove, settings } from "./settings.js";
import { get, on, set } from "./state.js";
import { advance, busy, button, download, offer, reveal, say } from "./viewer.js";

const REST = 350; // milliseconds without a move, after which a draft is finished
const SIDE = 1280;

let next = null; // the order that waits
let running = null; // the order under way
let request = null; // what aborts it
let missed = false; // whether the studio did not answer
let rest = 0;

function look() {
  const [photo, wanted] = [get("photo"), { ...settings("quick"), mask: mask() }];
  if (photo && wanted.style) order({ photo: photo.source, settings: wanted, draft: true });
}

/** Finish a draft: by then its settings may differ from those of the page. */
function finish() {
  const result = get("result");
  if (result) order({ photo: result.photo, settings: result.settings, draft: false });
}

function order(wanted) {
  clearTimeout(rest);
  next = wanted;
  if (!running) work();
  else if (!running.draft) request.abort(); // it takes long, and nobody waits for it any more
}

function stop() {
  clearTimeout(rest);
  next = null;
  missed = false;
  request?.abort();
}

async function work() {
  busy(true);
  while (next) {
    [running, next, request] = [next, null, new AbortController()];
    await stylise(running, request.signal);
  }
  running = request = null;
  busy(false);
  const result = get("result");
  if (result?.draft && !result.failed) rest = setTimeout(finish, REST);
}

async function stylise(wanted, signal) {
  try {
    const result = await post("studio/quick", wanted, signal);
    if (signal.aborted) return;
    clear("quick");
    set({ result, job: null });
  } catch (error) {
    if (signal.aborted) return;
    missed = !error.status;
    if (!missed) show(error.message, "quick");
    if (!wanted.draft && get("result")) set({ result: { ...get("result"), failed: true } });
  }
}

/** Have the picture painted on, from where the network left it. */
const paintOn = (seconds) => async () => {
  const { id } = await post("studio/quick/finish", { ...get("result"), seconds });
  set({ job: id, result: null });
};

async function keep() {
  const { id } = await post("studio/quick/keep", get("result"));
  set({ job: id, result: null });
}

function draw() {
  const [photo, result] = [get("photo"), get("result")];
  if (get("job")) return;
  reveal(photo);
  advance(null);
  if (!photo) return;
  compare({
    before: picture(photo.source, SIDE),
    after: result && picture(result.source, SIDE),
    width: photo.width,
    height: photo.height,
    about: result && `The photo in the style ${titled(result.settings.style)}`,
    split: 50,
  });
  say(result ? caption(result) : "", { quietly: result?.draft });
  offer(...(result ? actions(result) : []));
}

function caption({ settings: { style }, draft, failed, width, height, seconds }) {
  if (failed) return `${titled(style)} · a first look, not finished`;
  if (draft) return `${titled(style)} · a first look, being finished…`;
  return `${titled(style)} · ${width} × ${height} · ${seconds.toFixed(1)} s`;
}

/** Of a draft the same buttons are there, so that nothing jumps, but do nothing yet. */
function actions({ source, draft, failed }) {
  const on = "Paint on from here, step by step";
  const made = [
    download(file(source), "picture", "Download"),
    button("keep", "Keep", keep, "Put it into the history"),
    button("on15", "Finish: 15 s", paintOn(15), on),
    button("on60", "Finish: 1 min", paintOn(60), on),
  ];
  if (!draft) return made;
  made[0].removeAttribute("href");
  for (const one of made) one.ariaDisabled = "true";
  return failed ? [button("finish", "Finish it", finish), ...made] : made;
}

/** Stylise a photo that is new here, unless it only came along with a job. */
function follow() {
  if (running && running.photo !== get("photo").source) stop();
  if (get("mode") === "quick" && get("photo") && !get("job") && !get("result")) look();
}

export function start() {
  onMove("quick", look);
  on(["photo", "job", "result"], draw);
  on(["photo", "mode"], follow);
  on(["mask"], () => get("job") || look());
  on(["job"], () => get("job") && stop());
  on(["connected"], () => {
    if (!get("connected") || !missed) return;
    missed = false;
    if (get("result")?.failed) finish();
    else look();
  });
}

// Quick: the photo is stylised whenever it or a setting changes. The latest settings win.
//
// One request is under way at a time. What would take longer is answered with a draft, and finished
// once nothing has moved for a while.

import { restyle } from "./clips.js";
import { compare } from "./compare.js";
import { mixed, title, together } from "./dom.js";
import { begin } from "./job.js";
import { mask } from "./mask.js";
import { failed, worked } from "./messages.js";
import { picture, post } from "./server.js";
import { onMove, settings } from "./settings.js";
import { get, on, set } from "./state.js";
import { advance, busy, button, entitle, offer, reveal, save, say } from "./viewer.js";

const REST = 350; // milliseconds without a move, after which a draft is finished

let next = null; // the order that waits
let running = null; // the order under way
let request = null; // what aborts it
let rest = 0;

function look() {
  if (restyle()) return;
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
  request?.abort();
}

async function work() {
  busy(true);
  while (next && get("connected")) {
    [running, next, request] = [next, null, new AbortController()];
    await stylise(running, request.signal);
  }
  running = request = null;
  busy(false);
  const result = get("result");
  if (result?.draft && !result.failed && !next) rest = setTimeout(finish, REST);
}

async function stylise(wanted, signal) {
  try {
    const result = await post("studio/quick", wanted, { signal });
    if (signal.aborted) return;
    worked();
    set({ result, job: null });
  } catch (error) {
    if (signal.aborted) return;
    if (!get("connected")) {
      next ??= wanted; // it waits until the studio answers again
      return;
    }
    failed(error);
    if (!wanted.draft && get("result")) set({ result: { ...get("result"), failed: true } });
  }
}

/** The result, with the name of its photo. */
const named = () => ({ ...get("result"), photo: get("photo") });

/** Have the picture painted on, from where the network left it. */
const paintOn = (seconds) => () => begin("studio/quick/finish", { ...named(), seconds });

const keep = () => begin("studio/quick/keep", named());

function draw() {
  const [photo, result] = [get("photo"), get("result")];
  if (get("job")) return;
  reveal(photo);
  advance(null);
  entitle(photo && result ? titleOf(result) : "");
  if (!photo) return;
  const { width, height } = result ?? photo;
  compare({
    before: (side) => picture(photo.source, side),
    after: result && ((side) => picture(result.source, side)),
    width,
    height,
    about: result && `The photo in the style ${together(mixed(result.settings.style))}`,
    split: 50,
  });
  say(result ? caption(result) : "", { quietly: result?.draft });
  offer(...(result ? actions(result) : []));
}

function caption({ settings: { style }, draft, failed, width, height, seconds }) {
  if (failed) return `${together(mixed(style))} · a first look, not finished`;
  if (draft) return `${together(mixed(style))} · a first look, being finished…`;
  return `${together(mixed(style))} · ${width} × ${height} · ${seconds.toFixed(1)} s`;
}

const titleOf = ({ settings: { style } }) => title(get("photo").name, mixed(style));

/** Of a draft the same buttons are there, so that nothing jumps, but do nothing yet. */
function actions(result) {
  const { source, draft, failed, finishable } = result;
  const on = "Paint on from here, step by step";
  const made = [
    save(source, titleOf(result), "jpeg"),
    button("keep", "Keep", keep, "Put it into the history"),
  ];
  if (finishable) {
    made.push(button("on15", "Finish: 15 s", paintOn(15), on));
    made.push(button("on60", "Finish: 1 min", paintOn(60), on));
  }
  if (!draft) return made;
  made[0].inert = true;
  for (const one of made) one.ariaDisabled = "true";
  return failed ? [button("finish", "Finish it", finish), ...made] : made;
}

/** Stylise the photo that is shown, unless it belongs to the job that is shown. */
function follow() {
  const isOther = (one) => one && one.photo !== get("photo")?.source;
  if (isOther(running) || isOther(next)) stop();
  if (get("mode") === "quick" && get("photo") && !get("job") && !get("result")) look();
}

onMove(look);
on(["photo", "job", "result", "connected"], draw);
on(["photo", "mode", "job"], follow);
on(["mask"], () => get("job") || look());
on(["job"], () => get("job") && stop());
on(["connected"], () => next && !running && work());

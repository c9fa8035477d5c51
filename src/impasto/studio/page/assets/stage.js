// The easel: the photo, what a network makes of it, or a painting that grows.

import { comparison } from "./compare.js";
import { ask, duration, el, file, hear, picture, tell, titled } from "./shared.js";
import { losses } from "./losses.js";

const EVERY = 1000; // milliseconds between looks at a painting under way
const REST = 350; // milliseconds without a move, after which a draft is finished
const PATIENCE = 30000; // milliseconds in which something is deleted, or it will not be
const SIDE = 1280;
const UNDER_WAY = ["queued", "running"];

export function stage(element, trigger, props, watch) {
  const compare = comparison();
  const caption = el("p.caption", { role: "status", tabindex: -1 });
  const bar = el("div.progress", { role: "progressbar", "aria-label": "Progress", hidden: true }, el("span"));
  const actions = el("div.actions", { role: "group", "aria-label": "What to do with it" });
  const plot = el("figure.losses", { hidden: true });
  const mat = el("div.mat", {}, compare.frame, bar);
  element.replaceChildren(mat, el("div.under", {}, caption, actions), plot);

  let photo = null; // what the photo's part has
  let job = null; // the latest answer about the job that is open
  let rows = []; // its losses
  let timer = 0;
  let looks = 0;
  let stays = null; // the job that was opened, until somebody turns to something else
  let leaving = null; // the job that is being deleted: nobody asks for it any more
  let draft = null; // the latest quick look, while it waits to be finished
  let held = {}; // what was shown last
  let rest = 0;

  // What is shown: a job, a quick result of this very photo, the photo, or nothing.

  function show() {
    clearTimeout(timer);
    clearTimeout(rest);
    const value = props.value || {};
    const wanted = value.job ?? null;
    if (job && job.id !== wanted) {
      [job, rows] = [null, []];
    }
    document.body.classList.toggle("has-job", Boolean(wanted));
    if (leaving !== wanted) leaving = null;
    tell("stage", { job: wanted });
    if (wanted) return look(wanted);
    plot.hidden = bar.hidden = true;
    const result = value.result && photo && value.result.photo === photo.source ? value.result : null;
    element.hidden = !photo;
    if (!photo) return;
    compare.show({
      before: picture(photo.source, SIDE),
      after: result && picture(result.source, SIDE),
      width: photo.width,
      height: photo.height,
      about: result && `The photo in the style ${titled(result.style)}`,
      split: 50,
    });
    // Nobody wants to hear of every look while a slider moves.
    caption.setAttribute("aria-live", result?.draft ? "off" : "polite");
    caption.textContent = result ? quickCaption(result) : "";
    act(result ? quickActions(result) : []);
    settle();
  }

  /** Ask for the finished picture once nothing has moved for a while. */
  function settle() {
    clearTimeout(rest);
    const shown = draft && !draft.stuck && props.value?.result && draft.photo === photo?.source;
    if (shown) rest = setTimeout(() => trigger("finish", {}), REST);
  }

  function quickCaption(result) {
    if (result.stuck) return `${titled(result.style)} · a first look, not finished`;
    if (result.draft) return `${titled(result.style)} · a first look, being finished…`;
    return `${titled(result.style)} · ${result.width} × ${result.height} · ${result.seconds.toFixed(1)} s`;
  }

  /** Of a draft the same buttons are there, so that nothing jumps, but do nothing yet. */
  function quickActions(result) {
    const [save, keep] = [
      download(result.source, "picture", "Download"),
      button("keep", "Keep", {}, "Put it into the history"),
    ];
    if (result.draft) {
      save.removeAttribute("href");
      for (const one of [save, keep]) one.setAttribute("aria-disabled", "true");
    }
    return [result.stuck ? button("finish", "Finish it") : null, save, keep];
  }

  // A job: asked about again and again while it is under way.

  async function look(id) {
    const mine = ++looks;
    clearTimeout(timer);
    if (id === leaving) return;
    const after = rows.at(-1)?.[0] ?? 0;
    let answer;
    try {
      answer = await ask(`jobs/${encodeURIComponent(id)}?after=${after}`);
    } catch (problem) {
      if (mine !== looks || props.value?.job !== id) return;
      element.hidden = false;
      if (problem.gone) {
        caption.textContent = "This is not there any more.";
        act([button("close", "Close")]);
      } else {
        caption.textContent = `${problem.message} Trying again…`;
        timer = setTimeout(() => look(id), 2 * EVERY);
      }
      return;
    }
    if (mine !== looks || props.value?.job !== id) return;
    if (answer.step < after) {
      rows = []; // it was interrupted, and does some steps again
      return look(id);
    }
    rows.push(...answer.rows);
    const moved = job && (job.state !== answer.state || job.version !== answer.version);
    job = answer;
    draw();
    if (moved) tell("moved");
    if (UNDER_WAY.includes(job.state) && !document.hidden) timer = setTimeout(() => look(id), EVERY);
  }

  function draw() {
    element.hidden = false;
    compare.show({
      before: picture(`photo:${job.id}`, SIDE),
      after: job.version ? picture(`job:${job.id}`, SIDE, job.version) : null,
      width: job.width,
      height: job.height,
      about: `${job.kind === "paint" ? "The painting" : "The picture"}, ${said()}`,
      split: UNDER_WAY.includes(job.state) ? 0 : undefined,
    });
    // Who listens to the page hears how it ends, not every step.
    caption.setAttribute("aria-live", job.state === "running" ? "off" : "polite");
    caption.textContent = said();
    const busy = UNDER_WAY.includes(job.state);
    const share = job.steps ? (100 * job.step) / job.steps : 0;
    bar.hidden = !busy;
    bar.classList.toggle("endless", busy && !job.step);
    bar.firstChild.style.width = `${share}%`;
    bar.setAttribute("aria-valuenow", Math.round(share));
    act(jobActions());
    const drawn = job.kind === "paint" ? losses(rows, busy ? job.steps : 0) : null;
    plot.hidden = !drawn;
    if (drawn) {
      const names = ["total", "content", "style"].map((name) => el(`span.${name}`, {}, name));
      const key = el("figcaption", {}, el("b", {}, "Losses"), ...names);
      plot.replaceChildren(key, drawn);
    }
  }

  function said() {
    const size = job.width ? ` · ${job.width} × ${job.height}` : "";
    const steps = `${job.step} of ${job.steps}`;
    const left = job.remaining == null ? "" : ` · ${duration(job.remaining)} left`;
    if (job.state === "queued") return job.ahead ? `Waiting: ${job.ahead} before it` : "Waiting for its turn";
    if (job.state === "running") {
      if (job.wish) return job.wish === "stop" ? "Stopping after this step…" : "Cancelling…";
      return job.step ? `Step ${steps}${left}${size}` : "Getting ready…";
    }
    if (job.state === "stopped") return job.step ? `Stopped at step ${steps}${size}` : "Stopped before it began";
    if (job.state === "failed") return `It failed: ${job.error}`;
    if (job.state === "cancelled") return "Cancelled";
    if (job.kind === "paint") return `Done · ${job.step} steps in ${duration(job.seconds)}${size}`;
    return `${titled(job.title)}${size}`;
  }

  function jobActions() {
    const picked = { job: job.id };
    const again = button("again", "Again with these settings", picked);
    const remove = sure("remove", "Delete", "Delete for good", picked);
    const close = button("close", "Close");
    const files = [
      job.picture ? download(`job:${job.id}`, "picture", "Download") : null,
      job.timelapse ? download(`job:${job.id}`, "timelapse", "Time-lapse") : null,
    ];
    if (job.wish) return [];
    if (UNDER_WAY.includes(job.state)) {
      return [button("stop", "Stop", picked), sure("cancel", "Cancel", "Cancel, and lose it", picked)];
    }
    if (job.state === "stopped") {
      const keep = job.picture ? button("settle", "Keep it as it is", picked) : null;
      return [button("goon", "Go on", picked), keep, ...files, remove, close];
    }
    return [...files, again, remove, close];
  }

  // Buttons. Each tells Python what is wanted; "close" is a matter of the page alone.

  function button(name, text, data = {}, title = null) {
    const made = el("button.button", { type: "button", "data-action": name, title }, text);
    made.addEventListener("click", () => {
      if (made.hasAttribute("aria-disabled")) return;
      if (name === "close") return open({});
      for (const one of actions.children) one.setAttribute("aria-disabled", "true");
      if (name === "remove") leave(data.job);
      trigger(name, data);
    });
    return made;
  }

  function leave(id) {
    leaving = id;
    looks++; // an answer on its way is no longer wanted
    tell("leaving", { job: id });
    setTimeout(() => {
      if (leaving !== id) return;
      leaving = null; // it came to nothing
      tell("leaving", { job: null });
      if (props.value?.job === id) look(id);
    }, PATIENCE);
  }

  /** A button that asks once more before it does what cannot be undone. */
  function sure(name, text, question, data) {
    const made = button(name, text, data);
    const ask = (event) => {
      event.stopImmediatePropagation();
      made.textContent = question;
      made.classList.add("danger");
      made.removeEventListener("click", ask, true);
    };
    made.addEventListener("click", ask, true);
    return made;
  }

  const download = (source, what, text) =>
    el("a.button", { href: file(source, what), download: "", "data-action": what }, text);

  /** Put the actions there; those that stay are left alone, so that focus and questions stay too. */
  function act(wanted) {
    const found = wanted.filter(Boolean);
    const plan = (all) => [...all].map((one) => one.dataset.action + (one.href ?? "")).join();
    const stuck = [...actions.children].some((one) => one.hasAttribute("aria-disabled"));
    if (plan(found) === plan(actions.children) && !stuck) return;
    const focused = actions.contains(document.activeElement);
    actions.replaceChildren(...found);
    if (focused) (actions.querySelector("button, a") ?? caption).focus();
  }

  function take() {
    held = props.value ?? {};
    draft = held.result?.draft ? held.result : null;
  }

  function open(value) {
    props.value = held = value;
    stays = value.job ?? null;
    leaving = null;
    show();
  }

  hear("photo", ({ photo: chosen }) => {
    const other = chosen?.source !== photo?.source;
    photo = chosen;
    // A job makes room for a photo that somebody chose, not for one that came along or came back.
    if (other && props.value?.job && !chosen?.quiet && !chosen?.restored) open({});
    else show();
  });
  hear("open", ({ job }) => {
    open({ job });
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    document.getElementById("room").scrollIntoView({ behavior: still ? "auto" : "smooth" });
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && props.value?.job) look(props.value.job);
  });
  document.addEventListener("input", ({ target }) => {
    if (!target.closest?.("#way-quick")) return;
    stays = null;
    settle();
  });
  watch("value", () => {
    // A quick result that was on its way when a job was opened comes too late, and so does the
    // finished picture of an earlier draft.
    const result = props.value?.result;
    if (result && stays) props.value = { job: stays };
    else if (result?.of && ![draft?.source, held.result?.of].includes(result.of)) props.value = held;
    else if (result?.stuck) props.value = draft ? { result: { ...draft, stuck: true } } : held;
    take();
    stays = props.value?.job ?? null;
    tell("moved");
    show();
  });
  take(); // a draft may have come before this script did
  show();
}

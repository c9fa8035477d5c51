// All that was made, the newest first: small pictures that open again.

import { ask, el, hear, picture, tell, titled } from "./shared.js";

const EVERY = 3000; // milliseconds between looks while something is under way
const PAGE = 24;
const SAID = { queued: "waiting", stopped: "stopped", failed: "failed", cancelled: "cancelled" };

export function history(element) {
  const list = el("ul.shots", { "aria-label": "What was made, the newest first" });
  const none = el("p.hint", {}, "What you paint, and what you keep, is found here again.");
  const another = { type: "button", hidden: true, onclick: () => look(PAGE) };
  const more = el("button.button.quiet", another, "Show more");
  element.replaceChildren(el("h2", {}, "History"), none, list, more);

  let shown = [];
  let open = null;
  let timer = 0;
  let asked = 0;
  let leaving = null; // the job that is being deleted: answers may have it for a while

  async function look(extra = 0) {
    clearTimeout(timer);
    const mine = ++asked;
    const limit = Math.max(PAGE, shown.length + extra);
    try {
      const answer = await ask(`jobs?limit=${limit}`);
      if (mine !== asked) return;
      shown = answer.jobs.filter((job) => job.id !== leaving);
      more.hidden = answer.jobs.length < limit;
      show();
    } catch {
      // The next look may find the server back.
    }
    const working = shown.some((job) => ["queued", "running"].includes(job.state));
    if (working && !document.hidden) timer = setTimeout(look, EVERY);
  }

  function state(job) {
    if (job.state !== "running") return SAID[job.state];
    return job.steps ? `${Math.floor((100 * job.step) / job.steps)} %` : "starting";
  }

  /** The time today, else the day. */
  function when(seconds) {
    const [at, today] = [new Date(seconds * 1000), new Date().toDateString()];
    if (at.toDateString() === today) return at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return at.toLocaleDateString([], { day: "numeric", month: "short" });
  }

  function shot(job) {
    const said = state(job);
    const what = `${job.kind === "paint" ? "Painting" : "Quick"}: ${titled(job.title)}`;
    return el(
      "li",
      {},
      el(
        `button.shot${job.id === open ? ".open" : ""}`,
        {
          type: "button",
          "data-job": job.id,
          "aria-label": `Open ${what}${said ? `, ${said}` : ""}`,
          "aria-current": job.id === open ? "true" : null,
          onclick: () => tell("open", { job: job.id }),
        },
        job.version
          ? el("img", { src: picture(`job:${job.id}`, 160, job.version), alt: "", width: 112, height: 112 })
          : el("span.blank", {}),
        job.kind === "paint"
          ? el("img.of", { src: picture(`style:${job.id}:0`, 160), alt: "", loading: "lazy" })
          : null,
        said ? el("span.state", {}, said) : null,
        el("span.title", {}, titled(job.title)),
        el("span.when", {}, when(job.created)),
      ),
    );
  }

  function show() {
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.job : null;
    none.hidden = shown.length > 0;
    list.replaceChildren(...shown.map(shot));
    if (focused) list.querySelector(`[data-job="${focused}"]`)?.focus();
  }

  hear("moved", () => look());
  hear("leaving", ({ job }) => {
    leaving = job;
    if (!job) return look(); // it stays after all
    shown = shown.filter((one) => one.id !== job);
    show();
  });
  hear("stage", ({ job }) => {
    open = job;
    show();
  });
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
}

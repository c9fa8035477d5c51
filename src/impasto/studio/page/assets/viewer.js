// The frame that shows a photo, a quick result or a job: caption, progress and buttons.

import { el } from "./dom.js";
import { attempt } from "./messages.js";

const section = document.getElementById("viewer");
const [mat, progress, caption, actions] = [".mat", ".progress", ".caption", ".actions"].map((one) =>
  section.querySelector(one),
);

export const reveal = (visible) => (section.hidden = !visible);

/** Show that something is computed. */
export const busy = (on) => mat.classList.toggle("busy", on);

/** Say what is shown; `quietly` for what changes often, which nobody wants to hear each time. */
export function say(text, { quietly = false } = {}) {
  caption.setAttribute("aria-live", quietly ? "off" : "polite");
  caption.textContent = text;
}

/** Show how much is done, from 0 to 1; 0 is not known yet, null is nothing under way. */
export function advance(share) {
  progress.hidden = share === null;
  progress.classList.toggle("endless", !share);
  progress.firstElementChild.style.width = `${100 * share}%`;
  progress.setAttribute("aria-valuenow", Math.round(100 * share));
}

/** Offer actions. Those that stay are left alone, so that focus and questions stay, too. */
export function offer(...wanted) {
  const found = wanted.filter(Boolean);
  const plan = (all) => [...all].map((one) => one.dataset.action + (one.href ?? "")).join();
  const off = (all) => [...all].some((one) => one.ariaDisabled);
  if (plan(found) === plan(actions.children) && !off(found) && !off(actions.children)) return;
  const focused = actions.contains(document.activeElement);
  actions.replaceChildren(...found);
  if (focused) (actions.querySelector("button, a") ?? caption).focus();
}

/** A button that does something; meanwhile no other does. */
export function button(name, text, work, title = null) {
  const made = el("button", { type: "button", "data-action": name, title }, text);
  made.addEventListener("click", async () => {
    if (made.ariaDisabled) return;
    const all = [...actions.children].filter((one) => !one.ariaDisabled);
    for (const one of all) one.ariaDisabled = "true";
    await attempt(work);
    for (const one of all) one.ariaDisabled = null;
  });
  return made;
}

/** A button that asks once more before it does what cannot be undone. */
export function careful(name, text, question, work) {
  const made = button(name, text, work);
  const ask = (event) => {
    event.stopImmediatePropagation();
    made.textContent = question;
    made.classList.add("danger");
    made.removeEventListener("click", ask, true);
  };
  made.addEventListener("click", ask, true);
  return made;
}

/** A link that saves a file. */
export const download = (href, what, text) =>
  el("a.button", { href, download: "", "data-action": what }, text);

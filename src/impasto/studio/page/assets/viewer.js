// The frame that shows a photo, a quick result or a job: caption, progress and buttons.

import { el, parts } from "./dom.js";
import { attempt } from "./messages.js";
import { file } from "./server.js";
import { memory } from "./state.js";

const FORMATS = { png: "PNG", jpeg: "JPEG", webp: "WebP" };

const section = document.getElementById("viewer");
const names = [".mat", ".progress", ".title", ".caption", ".actions"];
const [mat, progress, heading, caption, actions] = parts(section, ...names);

export const reveal = (visible) => (section.hidden = !visible);

/** Show that something is computed. */
export const busy = (on) => mat.classList.toggle("busy", on);

/** Give the picture its title, and the page as well. */
export function entitle(title) {
  heading.textContent = title;
  heading.hidden = !title;
  document.title = title ? `${title} · Impasto` : "Impasto";
}

/** Say how the picture stands; `quietly` for what changes often, which nobody wants to hear each time. */
export function say(text, { quietly = false } = {}) {
  caption.setAttribute("aria-live", quietly ? "off" : "polite");
  caption.textContent = text;
}

/** Show how much is done, from 0 to 1; 0 is not known yet, null is nothing under way. */
export function advance(share) {
  progress.hidden = share === null;
  progress.classList.toggle("endless", !share);
  progress.firstElementChild.style.width = `${100 * share}%`;
  progress.ariaValueNow = share ? Math.round(100 * share) : null;
}

/** Offer actions. Those that stay are left alone, so that focus and questions stay, too. */
export function offer(...wanted) {
  const found = wanted.filter(Boolean);
  const does = ({ dataset, ariaDisabled, href = dataset.of }) => [dataset.action, href, ariaDisabled];
  const plan = (all) => [...all].map(does).join();
  if (plan(found) === plan(actions.children)) return;
  const focused = [caption, ...actions.querySelectorAll("*")].includes(document.activeElement);
  actions.replaceChildren(...found);
  if (focused) (actions.querySelector("button, a") ?? caption).focus();
}

/** A button that does something; meanwhile no other does. */
export function button(name, text, work, title = null) {
  const made = el("button", { type: "button", "data-action": name, title }, text);
  made.addEventListener("click", async () => {
    if (made.ariaDisabled) return;
    const all = [...made.parentElement.children].filter((one) => !one.ariaDisabled);
    for (const one of all) one.ariaDisabled = "true";
    await attempt(() => work(made));
    for (const one of all) one.ariaDisabled = null;
  });
  return made;
}

/** A button that asks once more before it does what cannot be undone, until it loses the focus. */
export function careful(name, text, question, work) {
  const made = button(name, text, work);
  const ask = (asks) => {
    made.textContent = asks ? question : text;
    made.classList.toggle("danger", asks);
  };
  const first = (event) => {
    if (made.textContent === question) return;
    event.stopImmediatePropagation();
    ask(true);
    made.focus();
  };
  made.addEventListener("click", first, true);
  made.addEventListener("blur", () => ask(false));
  return made;
}

/** A link that saves a file, under a name if the studio gives it none. */
export const download = (href, what, text, name = "") =>
  el("a.button", { href, download: name, "data-action": what }, text);

/** A link that saves a picture, and the choice of its format: at first `usual`, then the last one. */
export function save(source, title, usual) {
  const name = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
  const chosen = memory("format") ?? usual;
  const options = Object.entries(FORMATS).map(([value, text]) =>
    el("option", { value, selected: value === chosen }, text),
  );
  const select = el("select", { "aria-label": "Format of the file" }, ...options);
  const link = download("", "picture", "Download");
  const choose = () => {
    link.href = file(source, select.value);
    link.download = `${name}.${select.value.replace("jpeg", "jpg")}`;
  };
  choose();
  select.addEventListener("change", () => {
    memory("format", select.value);
    choose();
  });
  return el("span.save", { "data-action": "save", "data-of": source }, link, select);
}

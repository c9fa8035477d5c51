// Messages in a corner of the page. Notes go away after a while, errors when something works.

import { el, parts } from "./dom.js";
import { get, on } from "./state.js";

const STAYS = 12000; // milliseconds
const ERROR = "error";
const messages = document.getElementById("messages");
const connection = document.getElementById("connection");

/** Show a message in the place of an earlier one about the same. */
export function show(text, about) {
  clear(about);
  const close = el("button", { type: "button", "aria-label": "Close", onclick: () => made.remove() }, "×");
  const made = el("div.message", { "data-about": about }, el("p", {}, text), close);
  messages.append(made);
  if (about !== ERROR) setTimeout(() => made.remove(), STAYS);
}

function clear(about) {
  for (const one of [...messages.children]) if (one.dataset.about === about) one.remove();
}

/** Say why something did not work. */
export const failed = (error) => show(error.message, ERROR);

/** Something worked: no error stays. */
export const worked = () => clear(ERROR);

/** Do something; if it does not work, say why. */
export async function attempt(work) {
  try {
    await work();
    worked();
  } catch (error) {
    failed(error);
  }
}

const latest = new Map(); // what each section does with files

/**
 * Do something with files, after what the section does with others. It says meanwhile how far that
 * is, or why it did not work.
 */
export async function reading(section, work) {
  const [busy, problem, input] = parts(section, ".busy", ".problem", "[type=file]");
  problem.hidden = true;
  busy.hidden = false;
  const done = Promise.resolve(latest.get(section))
    .then(work)
    .then(worked, (error) => {
      problem.textContent = error.message;
      problem.hidden = false;
    });
  latest.set(section, done);
  await done;
  if (latest.get(section) !== done) return;
  if (busy.contains(document.activeElement)) input.focus();
  busy.hidden = true;
}

on(["photo", "paintings", "job"], () => {
  worked();
  for (const problem of document.querySelectorAll(".problem")) problem.hidden = true;
});
on(["connected"], () => {
  connection.hidden = get("connected");
});

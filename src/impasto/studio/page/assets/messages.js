// Messages in a corner of the page. They go away after a while, or when it works the next time.

import { el } from "./dom.js";
import { get, on } from "./state.js";

const STAYS = 12000; // milliseconds
const messages = document.getElementById("messages");
const connection = document.getElementById("connection");

/** Show a message; `about` is what did not work. */
export function show(text, about) {
  clear(about);
  const close = el("button", { type: "button", "aria-label": "Close", onclick: () => made.remove() }, "×");
  const made = el("div.message", { "data-about": about }, el("p", {}, text), close);
  messages.append(made);
  setTimeout(() => made.remove(), STAYS);
}

export function clear(about) {
  for (const one of [...messages.children]) if (one.dataset.about === about) one.remove();
}

/** Do something and return whether it worked; if not, say why. */
export async function attempt(work, about = "action") {
  try {
    await work();
    clear(about);
    return true;
  } catch (error) {
    show(error.message, about);
    return false;
  }
}

const underWay = new Map(); // how many files each section is reading

/** Do something with a file; its section says meanwhile that it is read, or why it is not. */
export async function reading(section, work) {
  const [busy, problem] = [".busy", ".problem"].map((one) => section.querySelector(one));
  underWay.set(section, (underWay.get(section) ?? 0) + 1);
  problem.hidden = true;
  busy.hidden = false;
  try {
    await work();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  underWay.set(section, underWay.get(section) - 1);
  busy.hidden = !underWay.get(section);
}

on(["connected"], () => {
  connection.hidden = get("connected");
});

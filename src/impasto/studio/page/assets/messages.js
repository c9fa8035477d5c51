// Messages in a corner of the page. Notes go away after a while, errors when something works.

import { el } from "./dom.js";
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

const underWay = new Map(); // how many files each section is reading

/** Do something with a file; its section says meanwhile that it is read, or why it is not. */
export async function reading(section, work) {
  const [busy, problem] = [".busy", ".problem"].map((one) => section.querySelector(one));
  underWay.set(section, (underWay.get(section) ?? 0) + 1);
  problem.hidden = true;
  busy.hidden = false;
  try {
    await work();
    worked();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  underWay.set(section, underWay.get(section) - 1);
  busy.hidden = !underWay.get(section);
}

on(["photo", "paintings", "job"], () => {
  worked();
  for (const problem of document.querySelectorAll(".problem")) problem.hidden = true;
});
on(["connected"], () => {
  connection.hidden = get("connected");
});

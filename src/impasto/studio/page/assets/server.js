// Requests to the studio, and what the page does while it does not answer.

import { get, set } from "./state.js";
import { words } from "./words.js";

const [FIRST, LONGEST] = [1000, 15000]; // milliseconds between tries to reach it again

const address = (path) => new URL(path, document.baseURI).href;

/** The address of a picture, no side longer than `side`; `version` tells a new one from the old. */
export const picture = (source, side, version = "") =>
  address(`studio/picture/${encodeURIComponent(source)}?side=${side}&v=${version}`);

/** The address of a small copy of a picture in a style. */
export const look = (style, source, version) =>
  address(`studio/look/${style}/${encodeURIComponent(source)}?v=${version}`);

/** The address under which a picture is saved to disk, in a format. */
export const file = (source, format) =>
  address(`studio/file/${encodeURIComponent(source)}?format=${format}`);

/** Ask for JSON. Throws an Error in plain words; `status` is that of the answer, if there is one. */
export async function ask(path, options = {}) {
  let answer, body;
  try {
    answer = await fetch(address(path), options);
    body = await answer.text();
  } catch (error) {
    throw options.signal?.aborted ? error : silence();
  }
  return read(answer.status, body);
}

/** Send JSON, and ask for JSON. */
export function post(path, data = {}, options = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(data), ...options });
}

/** A form with these fields, to be sent. */
export function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return body;
}

/** Send a file or a form, and ask for JSON; `progress` is called with the bytes sent so far and all. */
export async function send(path, body, { signal, progress }) {
  const request = new XMLHttpRequest(); // fetch does not say how much is sent
  await new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => progress(loaded, total);
    request.onload = resolve;
    request.onabort = () => reject(signal.reason);
    request.onerror = () => reject(silence());
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", address(path));
    request.send(body);
  });
  return read(request.status, request.responseText);
}

/** The JSON of an answer. Throws the problem that it is, in plain words. */
function read(status, body) {
  if (status < 300) return body ? JSON.parse(body) : null;
  if (status === 401) location.reload(); // the session is over: one logs in again
  let problem = {};
  try {
    problem = JSON.parse(body);
  } catch {
    if (status >= 502) throw silence(); // a proxy says so
  }
  throw Object.assign(new Error(words(problem)), { status });
}

/** The studio does not answer: try to reach it again. */
function silence() {
  if (get("connected")) retry(FIRST);
  set({ connected: false });
  return new Error("The studio does not answer. Is it still running?");
}

function retry(delay) {
  setTimeout(async () => {
    const back = await fetch(address("healthz")).then((answer) => answer.ok, () => false);
    if (back) set({ connected: true });
    else retry(Math.min(2 * delay, LONGEST));
  }, delay);
}

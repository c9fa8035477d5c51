// Requests to the studio, and what the page does while it does not answer.

import { get, set } from "./state.js";
import { words } from "./words.js";

const [FIRST, LONGEST] = [1000, 15000]; // milliseconds between tries to reach it again
const SILENT = "The studio does not answer. Is it still running?";

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
export async function ask(path, { signal, ...options } = {}) {
  let answer;
  try {
    answer = await fetch(address(path), { signal, ...options });
  } catch (error) {
    if (signal?.aborted) throw error;
    lose();
    throw new Error(SILENT);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw refusal(answer.status, await answer.text().catch(() => ""));
}

/** The error in plain words that an answer of this status is. */
function refusal(status, body) {
  if (status === 401) location.reload(); // the session is over: one logs in again
  if (status >= 502) lose();
  let problem = {};
  try {
    problem = JSON.parse(body);
  } catch {
    // It is not one of the studio's own problems.
  }
  const error = new Error(words(problem));
  error.status = status;
  return error;
}

/** Send JSON, and ask for JSON. */
export function post(path, data = {}, signal = undefined) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(data), signal });
}

/** Send a file, and ask for JSON; `progress` is called with the bytes that are sent and all. */
export function send(path, file, { signal, progress }) {
  const request = new XMLHttpRequest(); // fetch does not say how much is sent
  return new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => progress(loaded, total);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(refusal(request.status, request.responseText));
    };
    request.onabort = () => reject(signal.reason);
    request.onerror = () => {
      lose();
      reject(new Error(SILENT));
    };
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", address(path));
    request.send(file);
  });
}

function lose() {
  if (!get("connected")) return;
  set({ connected: false });
  retry(FIRST);
}

function retry(delay) {
  setTimeout(async () => {
    const back = await fetch(address("healthz")).then((answer) => answer.ok, () => false);
    if (back) set({ connected: true });
    else retry(Math.min(2 * delay, LONGEST));
  }, delay);
}

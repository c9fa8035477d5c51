// Requests to the studio, and what the page does while it does not answer.

import { get, set } from "./state.js";
import { words } from "./words.js";

const [FIRST, LONGEST] = [1000, 15000]; // milliseconds between tries to reach it again
const SILENT = "The studio does not answer. Is it still running?";

const address = (path) => new URL(path, document.baseURI).href;

/** The address of a picture, no side longer than `side`; `version` tells a new one from the old. */
export const picture = (source, side, version = "") =>
  address(`studio/picture/${encodeURIComponent(source)}?side=${side}&v=${version}`);

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
  if (answer.status === 401) location.reload(); // the session is over: one logs in again
  if (answer.status >= 502) lose();
  const error = new Error(words(await answer.json().catch(() => ({}))));
  error.status = answer.status;
  throw error;
}

/** Send JSON, and ask for JSON. */
export function post(path, data = {}, signal = undefined) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(data), signal });
}

/** Send a picture file; the answer has its `source`, `width` and `height`. */
export const upload = (picture) => ask("studio/photos", { method: "POST", body: picture });

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

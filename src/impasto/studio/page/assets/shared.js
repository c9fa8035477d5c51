// What the parts of the page share: addresses, elements, and word of what happens elsewhere.

const base = new URL("studio/", document.baseURI);
const bus = new EventTarget();

/** What the chooser of files offers. */
export const PICTURES = "image/*,.heic,.heif,.tif,.tiff";

const told = new Map();

/** Tell the other parts that something happened. */
export function tell(what, detail = {}) {
  told.set(what, detail);
  bus.dispatchEvent(new CustomEvent(what, { detail }));
}

/** Hear of what happens in other parts; who comes late hears the latest at once. */
export function hear(what, listen) {
  if (told.has(what)) listen(told.get(what));
  bus.addEventListener(what, (event) => listen(event.detail));
}

/** The address of a picture, no side longer than `side`; `version` tells a new one from the old. */
export const picture = (source, side, version = "") =>
  new URL(`picture/${encodeURIComponent(source)}?side=${side}&v=${version}`, base).href;

/** The address under which a file is saved to disk. */
export const file = (source, what) =>
  new URL(`file/${encodeURIComponent(source)}/${what}`, base).href;

/** Ask the server for data. Throws an Error with words for people; `gone` says it is not there. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, base), options);
  } catch {
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (answer.ok) return answer.json();
  if (answer.status === 401) location.reload(); // the session is over: one logs in again
  const problem = await answer.json().catch(() => ({}));
  const error = new Error(problem.detail || problem.title || `The studio said ${answer.status}.`);
  error.gone = answer.status === 404;
  throw error;
}

/** Send a picture in; the answer has its `source`, `width` and `height`. */
export function send(picture) {
  return ask("photo", { method: "POST", body: picture });
}

/** Make an element: `el("a.quiet", { href }, "text", child)`. */
export function el(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Seconds as people say them. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

/** A name as a title: "starry-night" is "Starry night". */
export const titled = (name) => {
  const words = String(name).replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Let files be dropped on an element, chosen by `input` or, with `paste`, pasted anywhere. */
export function takeFiles(target, input, take, { paste = false } = {}) {
  const has = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let inside = 0;
  const mark = (by) => {
    inside = Math.max(0, inside + by);
    target.classList.toggle("over", inside > 0);
  };
  // Of two places, one in the other, the inner one takes what is dropped.
  const on = (name, act) =>
    target.addEventListener(name, (event) => {
      if (!has(event)) return;
      event.preventDefault();
      event.stopPropagation();
      act(event);
    });
  on("dragenter", () => mark(1));
  on("dragleave", () => mark(-1));
  on("dragover", () => {});
  on("drop", (event) => {
    mark(-inside);
    take([...event.dataTransfer.files]);
  });
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  if (paste) {
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) take(files);
    });
  }
}

/** Remember something in this browser; without a value, recall it. */
export function memory(name, value) {
  try {
    if (value === undefined) return JSON.parse(localStorage.getItem(`impasto.${name}`));
    localStorage.setItem(`impasto.${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing still shows everything.
  }
  return null;
}

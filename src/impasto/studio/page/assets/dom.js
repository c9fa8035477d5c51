// Elements, words, and files that are dropped or chosen.

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

/** The elements of a part of the page that selectors find; none if the part is not there. */
export const parts = (whole, ...selectors) => selectors.map((one) => whole?.querySelector(one));

/** Seconds as people say them. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

/** A name as a title: "starry-night" and "starry_night.jpg" are "Starry night". */
export function titled(name) {
  const words = String(name).replace(/\.([a-z]{3,4}|mp4)$/i, "").replaceAll(/[-_]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The names in a mixture such as "wave:0.6,kiss:0.4". */
export const mixed = (style) => style.split(",").map((share) => share.split(":")[0]);

/** Several names as a title: "Wave + Kiss". */
export const together = (names) => names.map(titled).join(" + ");

/** The title of a picture: its photo and its styles. */
export const title = (photo, styles) => `${titled(photo)} × ${together(styles)}`;

/** Let files be dropped on an element, chosen by inputs or, with `paste`, pasted anywhere. */
export function takeFiles(target, inputs, take, { paste = false } = {}) {
  const taken = (data) => data?.files.length && take([...data.files]);
  const mark = (over) => target.classList.toggle("over", over);
  // Of two places, one in the other, the inner one takes what is dropped.
  const on = (name, act) =>
    target.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      act(event);
    });
  on("dragover", () => mark(true));
  target.addEventListener("dragleave", () => mark(false));
  on("drop", ({ dataTransfer }) => {
    mark(false);
    taken(dataTransfer);
  });
  for (const input of inputs) {
    input.addEventListener("change", () => {
      taken(input);
      input.value = "";
    });
  }
  if (paste) document.addEventListener("paste", ({ clipboardData }) => taken(clipboardData));
}

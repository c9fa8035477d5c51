// Two pictures in one place: a slider uncovers one or the other.

import { parts } from "./dom.js";

const [USUAL, LARGEST] = [1280, 4096]; // long sides in pixels, as the studio has them

export const frame = document.querySelector("#viewer .compare");
const [result, photo, slider] = parts(frame, ".result", ".before", ".slide");
let shown = {};
let side = USUAL;
let place = 0;
let touched = false;

/**
 * Show the picture over the photo. `before` and `after` return the address of a picture, given its
 * long side; `split` is how much of the photo is uncovered at first.
 */
export function compare({ split = place, ...wanted }) {
  const { width, height, before, after } = (shown = wanted);
  if (width && height) resize(width, height);
  const both = Boolean(before && after);
  frame.classList.toggle("both", both);
  slider.hidden = !both;
  if (!touched) uncover(split);
  draw();
}

/** How many pixels wide the picture is, in full. */
export const actualWidth = () => shown.width || result.naturalWidth;

/** Show as many pixels as can be seen at a zoom. */
export function sharpen(zoom) {
  const seen = Math.max(frame.clientWidth, frame.clientHeight) * zoom * devicePixelRatio;
  if (seen > USUAL === side > USUAL) return;
  side = seen > USUAL ? LARGEST : USUAL;
  draw();
}

/** Uncover the photo up to a place on the screen. */
export function uncoverTo(clientX) {
  const { left, width } = frame.getBoundingClientRect();
  touched = true;
  uncover(Math.round(Math.min(100, Math.max(0, (100 * (clientX - left)) / width))));
}

function draw() {
  const { before, after, about } = shown;
  if (!before && !after) return;
  put(photo, before && after ? before(side) : null, "The photo");
  put(result, (after ?? before)(side), after ? about : "The photo");
}

function uncover(at) {
  place = at;
  slider.value = at;
  slider.setAttribute("aria-valuetext", `${at} % photo`);
  frame.style.setProperty("--at", at / 100);
  frame.dataset.side = at <= 8 ? "right" : at >= 92 ? "left" : "both";
}

function resize(width, height) {
  frame.style.setProperty("--width", width);
  frame.style.setProperty("--height", height);
}

/** A new picture takes the old one's place only when it is there: nothing flickers. */
async function put(image, src, alt) {
  image.alt = src ? alt : "";
  if (image.dataset.src === (src ?? "")) return;
  image.dataset.src = src ?? "";
  if (!src) return image.removeAttribute("src");
  const fresh = new Image();
  fresh.src = src;
  await fresh.decode().catch(() => {});
  if (image.dataset.src !== src) return;
  if (!fresh.naturalWidth) return delete image.dataset.src; // it is asked for again the next time
  image.src = src;
  if (image === result) resize(fresh.naturalWidth, fresh.naturalHeight);
}

slider.addEventListener("input", () => {
  if (frame.matches(".pinched")) return (slider.value = place); // two fingers zoom
  touched = true;
  uncover(Number(slider.value));
});
resize(4, 3);

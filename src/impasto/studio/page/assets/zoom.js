// Zoom and full screen, for the photo and the picture together.
//
// Zoom 1 shows all of the picture. While a part is shown, a drag moves it, and the slider that
// compares is moved by its knob or with the keyboard.

import { actualWidth, frame, sharpen, uncoverTo } from "./compare.js";
import { parts } from "./dom.js";
import { on } from "./state.js";

const MOST = 8; // times the actual size
const STEP = 1.5; // of a button or a key
const MOVE = 80; // pixels of an arrow key

const section = document.getElementById("viewer");
const [mat, picture] = parts(section, ".mat", ".result");
const [smaller, actual, larger, full] = section.querySelectorAll(".zoom button");
let [zoom, x, y] = [1, 0, 0];

const between = (value, low, high) => Math.min(high, Math.max(low, value));
const isFull = () => mat.classList.contains("full");

/** The width and the height of the picture at zoom 1. */
function fitting() {
  const { width, height } = picture.getBoundingClientRect();
  return [width / zoom, height / zoom];
}

/** The zoom at which a pixel of the picture is a pixel of the page. */
const actualZoom = () => actualWidth() / fitting()[0];

/** Show a part of the picture: its middle is `x`, `y` pixels from that of the frame. */
function show(wanted, right, below) {
  const [width, height] = fitting();
  const real = actualZoom();
  zoom = width ? between(wanted, Math.min(1, real), Math.max(1, MOST * real)) : 1;
  const room = (length, seen) => Math.max(0, (length * zoom - seen) / 2);
  const [side, above] = [room(width, frame.clientWidth), room(height, frame.clientHeight)];
  [x, y] = [between(right, -side, side), between(below, -above, above)];
  for (const [name, value] of [["--zoom", zoom], ["--x", `${x}px`], ["--y", `${y}px`]]) {
    frame.style.setProperty(name, value);
  }
  frame.classList.toggle("zoomed", zoom > 1);
  actual.textContent = Math.abs(zoom / real - 1) < 0.001 ? "Fit" : "100 %";
  sharpen(zoom);
}

const fit = () => show(1, 0, 0);

/** Move the picture; return whether there was room. */
function move(right, below) {
  const [oldX, oldY] = [x, y];
  show(zoom, x + right, y + below);
  return x !== oldX || y !== oldY;
}

/** Zoom; what is at a point of the screen stays there. */
function zoomTo(wanted, point = null) {
  const { left, top, width, height } = frame.getBoundingClientRect();
  const [px, py] = point ? [point.clientX - left - width / 2, point.clientY - top - height / 2] : [0, 0];
  const [old, oldX, oldY] = [zoom, x, y];
  show(wanted, x, y);
  const times = zoom / old;
  show(zoom, px - (px - oldX) * times, py - (py - oldY) * times);
}

/** Fill the screen, or the window where a browser allows no more; only the brush is reached beside. */
function fill(on) {
  mat.classList.toggle("full", on);
  full.setAttribute("aria-pressed", on);
  for (let one = mat; one !== document.body; one = one.parentElement) {
    for (const other of one.parentElement.children) {
      if (other !== one && !other.matches("#notices, #brush")) other.inert = on;
    }
  }
  const root = document.documentElement;
  if (on) root.requestFullscreen?.()?.catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
  fit();
}

smaller.addEventListener("click", () => zoomTo(zoom / STEP));
larger.addEventListener("click", () => zoomTo(zoom * STEP));
actual.addEventListener("click", () => (actual.textContent === "Fit" ? fit() : zoomTo(actualZoom())));
full.addEventListener("click", () => fill(!isFull()));
document.addEventListener("fullscreenchange", () => {
  if (isFull() && !document.fullscreenElement) fill(false);
});

document.addEventListener("keydown", (event) => {
  if (!isFull() && !section.contains(event.target)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
  const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const acts = {
    "+": () => zoomTo(zoom * STEP),
    "=": () => zoomTo(zoom * STEP),
    "-": () => zoomTo(zoom / STEP),
    0: fit,
    Escape: () => (isFull() ? fill(false) : fit()),
  };
  if (event.shiftKey && moves[event.key]) move(...moves[event.key].map((one) => one * MOVE));
  else if (acts[event.key]) acts[event.key]();
  else return;
  event.preventDefault();
});

mat.addEventListener("wheel", (event) => {
  const unit = event.deltaMode ? 16 : 1; // lines or pixels
  if (event.ctrlKey) zoomTo(zoom * 2 ** ((-event.deltaY * unit) / 200), event); // so do touch pads
  else if (!move(-event.deltaX * unit, -event.deltaY * unit)) return;
  event.preventDefault();
}, { passive: false });

// Fingers and the mouse.

const down = new Map(); // the latest event of each pointer that is down
let comparing = false; // whether the knob is held

frame.addEventListener("pointerdown", (event) => {
  down.set(event.pointerId, event);
  frame.classList.toggle("pinched", down.size > 1);
  comparing = event.target.matches(".knob, .handle");
  if (zoom > 1 && !event.target.matches("canvas")) frame.setPointerCapture(event.pointerId);
});
frame.addEventListener("pointermove", (event) => {
  const last = down.get(event.pointerId);
  if (!last) return;
  down.set(event.pointerId, event);
  const [right, below] = [event.clientX - last.clientX, event.clientY - last.clientY];
  const other = [...down.values()].find(({ pointerId }) => pointerId !== event.pointerId);
  if (other) {
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const middle = (name) => (event[name] + other[name]) / 2;
    zoomTo((zoom * apart(event)) / apart(last), { clientX: middle("clientX"), clientY: middle("clientY") });
    move(right / 2, below / 2);
  } else if (zoom <= 1 || event.target.matches("canvas")) {
    return; // the slider or the brush takes it
  } else if (comparing) uncoverTo(event.clientX);
  else move(right, below);
});
for (const one of ["pointerup", "pointercancel"]) {
  // Also of those that have left the frame.
  addEventListener(one, ({ pointerId }) => {
    down.delete(pointerId);
    frame.classList.toggle("pinched", down.size > 1);
  });
}

new ResizeObserver(() => show(zoom, x, y)).observe(frame);
on(["job", "photo"], () => (isFull() ? fill(false) : fit()));

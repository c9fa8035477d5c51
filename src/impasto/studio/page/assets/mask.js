// What shall stay of the photo: painted over with a brush, sent as a small mask.

import { parts } from "./dom.js";
import { get, on, set } from "./state.js";

const SIDE = 512; // of a mask, in pixels

const tools = document.getElementById("brush");
const opener = document.getElementById("keep-parts");
const mat = document.querySelector("#viewer .mat");
const canvas = document.querySelector("#viewer .compare canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });
const [width, hint] = parts(tools, "[type=range]", "p");
const tool = (name) => tools.querySelector(`[data-do=${name}]`);
const KEEP = hint.textContent;
const ERASE = "All of the photo stays. Erase where it is to be painted.";
const INK = "#2f6591";

let steps = []; // what was done, so that it can be undone: { erase, width, points } or a function

/** The mask of the photo that is shown, as a PNG in base64; null if all of it is painted. */
export const mask = () => (get("mask")?.photo === get("photo")?.source ? (get("mask")?.data ?? null) : null);

function show(visible) {
  tools.hidden = canvas.hidden = !visible;
  opener.ariaExpanded = visible;
  if (!visible) return;
  const { width, height } = get("photo");
  const scale = Math.min(1, SIDE / Math.max(width, height));
  [canvas.width, canvas.height] = [width, height].map((one) => Math.max(1, Math.round(one * scale)));
  redraw();
  tools.style.scrollMarginTop = `${mat.offsetHeight + 12}px`; // the tools below the picture
  tools.scrollIntoView({ block: "nearest" });
}

// Drawing. The canvas has ink where the photo stays.

function redraw() {
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const step of steps) draw(step);
  tool("undo").ariaDisabled = steps.length ? null : "true";
}

function draw(step) {
  context.globalCompositeOperation = "source-over";
  context.fillStyle = context.strokeStyle = INK;
  if (typeof step === "function") return step();
  if (step.erase) context.globalCompositeOperation = "destination-out";
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = step.width;
  context.beginPath();
  for (const [x, y] of step.points) context.lineTo(x, y);
  const [x, y] = step.points.at(-1);
  context.lineTo(x + 0.01, y); // a single point is a dot
  context.stroke();
}

function invert() {
  context.globalCompositeOperation = "source-out";
  context.fillRect(0, 0, canvas.width, canvas.height);
}

const clear = () => context.clearRect(0, 0, canvas.width, canvas.height);

/** Do something, and send the mask that comes of it. */
function act(step) {
  steps.push(step);
  redraw();
  send();
}

function send() {
  const { width, height } = canvas;
  const grey = context.getImageData(0, 0, width, height);
  let [kept, painted] = [false, false];
  for (let i = 0; i < grey.data.length; i += 4) {
    const white = 255 - grey.data[i + 3];
    kept ||= white < 255;
    painted ||= white > 127;
    grey.data.fill(white, i, i + 3);
    grey.data[i + 3] = 255;
  }
  hint.textContent = painted ? KEEP : ERASE;
  if (!painted) return; // there is nothing to do yet
  const paper = Object.assign(document.createElement("canvas"), { width, height });
  paper.getContext("2d").putImageData(grey, 0, 0);
  const data = paper.toDataURL("image/png").split(",")[1];
  set({ mask: kept ? { photo: get("photo").source, data } : null });
}

/** Go on with a mask that was made earlier. */
async function take(data) {
  const image = new Image();
  image.src = `data:image/png;base64,${data}`;
  await image.decode();
  if (mask() !== data) return;
  steps = [
    () => {
      const { width, height } = canvas;
      context.drawImage(image, 0, 0, width, height);
      const kept = context.getImageData(0, 0, width, height);
      for (let i = 0; i < kept.data.length; i += 4) kept.data[i + 3] = 255 - kept.data[i];
      context.putImageData(kept, 0, 0);
      context.globalCompositeOperation = "source-in";
      context.fillRect(0, 0, width, height);
    },
  ];
  redraw();
}

// The brush, by mouse, pen or finger.

function place({ clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return [((clientX - box.left) * canvas.width) / box.width, ((clientY - box.top) * canvas.height) / box.height];
}

let stroke = null;
canvas.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary) {
    stroke = null; // two fingers zoom
    return redraw();
  }
  if (event.button || stroke) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  const size = (width.value / 100) * Math.max(canvas.width, canvas.height);
  stroke = { erase: tool("erase").ariaPressed === "true", width: size, points: [place(event)] };
  draw(stroke);
});
canvas.addEventListener("pointermove", (event) => {
  if (!stroke || !event.isPrimary) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) stroke.points.push(place(one));
  draw(stroke);
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => {
    if (stroke) act(stroke);
    stroke = null;
  });
}

const does = {
  keep: () => hold("keep"),
  erase: () => hold("erase"),
  undo: () => {
    if (!steps.pop()) return;
    redraw();
    send();
  },
  invert: () => act(invert),
  clear: () => act(clear),
  done: () => {
    show(false);
    opener.focus({ preventScroll: true });
  },
};

function hold(name) {
  for (const one of ["keep", "erase"]) tool(one).ariaPressed = String(one === name);
}

tools.addEventListener("click", ({ target }) => does[target.dataset.do]?.());
opener.addEventListener("click", () => show(tools.hidden));
on(["job", "mode"], () => {
  if (get("job") || get("mode") !== "quick") show(false);
});
on(["photo", "job", "mask"], () => {
  opener.hidden = !get("photo") || Boolean(get("job"));
  opener.textContent = mask() ? "Parts of the photo are kept…" : "Keep parts of the photo…";
});
on(["photo"], () => {
  show(false);
  steps = [];
  if (mask()) take(mask());
});

// Pictures on their way to the studio: made smaller where that loses nothing, and sent.

import { send } from "./server.js";

const { side, pixels } = document.querySelector("main").dataset; // the most that the studio keeps
const READING = "Reading the file…";
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/**
 * Send a file or a form, or what a promise gives, and say in a section of the page how far it is;
 * null if cancelled.
 */
export async function deliver(path, body, section, cancel = new AbortController()) {
  const [status, bar, button] = section.querySelector(".busy").children;
  const { signal } = cancel;
  const progress = (sent, all) => {
    bar.value = sent / all;
    status.textContent = sent < all ? `Sent ${megabytes(sent)} of ${megabytes(all)} MB` : READING;
  };
  status.textContent = READING;
  bar.removeAttribute("value");
  button.onclick = () => cancel.abort();
  try {
    const ready = await body;
    signal.throwIfAborted();
    return await send(path, ready, { signal, progress });
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/**
 * Send a picture. The answer has its `source`, `width` and `height`, and `reduced`, the size before
 * if it was made smaller; null if cancelled.
 */
export async function upload(file, section, cancel) {
  const small = smaller(file).catch(() => null); // then the studio tries it
  const body = small.then((made) => made?.file ?? file);
  const answer = await deliver("studio/photos", body, section, cancel);
  return answer && { ...answer, reduced: (await small)?.reduced };
}

/** Say in a section that a picture was made smaller, if it was. */
export function sayReduced(section, what, { reduced, width, height }) {
  const note = section.querySelector(".reduced");
  note.hidden = !reduced;
  if (!reduced) return;
  const before = `${reduced.width} × ${reduced.height}`;
  note.textContent = `${what} of ${before} pixels was reduced to ${width} × ${height} before sending.`;
}

/** Make a picture upright and as small as the studio keeps it; null if it is no larger. */
async function smaller(file) {
  const whole = await createImageBitmap(file);
  const { width, height } = whole;
  const scale = Math.min(side / Math.max(width, height), Math.sqrt(pixels / (width * height)));
  if (scale >= 1) return whole.close();
  const [right, bottom] = [width, height].map((one) => Math.max(1, Math.floor(one * scale + 1e-6)));
  let picture = whole;
  while (picture.width > right || picture.height > bottom) picture = halved(picture, right, bottom);
  const type = file.type === "image/jpeg" || opaque(picture) ? "image/jpeg" : "image/png";
  return { file: await picture.convertToBlob({ type, quality: 0.95 }), reduced: { width, height } };
}

/** Draw a picture at half its size, but not below a size: more at once would skip pixels. */
function halved(picture, width, height) {
  const half = (now, least) => Math.max(least, Math.ceil(now / 2));
  const canvas = new OffscreenCanvas(half(picture.width, width), half(picture.height, height));
  const context = canvas.getContext("2d", { willReadFrequently: true }); // not a texture: they are small
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close?.();
  return canvas;
}

function opaque(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 3; i < data.length; i += 4) if (data[i] < 255) return false;
  return true;
}

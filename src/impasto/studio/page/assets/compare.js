// Two pictures in one place: a slider uncovers one or the other.

const frame = document.querySelector("#viewer .compare");
const [result, photo, slider] = [".result", ".before", ".slide"].map((one) => frame.querySelector(one));
let place = 0;
let touched = false;

/** Show the picture over the photo; `split` is how much of the photo is uncovered at first. */
export function compare({ before, after, width, height, about, split = place }) {
  if (width && height) resize(width, height);
  const both = Boolean(before && after);
  frame.classList.toggle("both", both);
  slider.hidden = !both;
  if (!touched) uncover(split);
  put(photo, both ? before : null, "The photo");
  put(result, after ?? before, after ? about : "The photo");
}

function uncover(at) {
  place = at;
  slider.value = at;
  slider.setAttribute("aria-valuetext", `${at} % photo`);
  frame.style.setProperty("--at", `${at}%`);
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
  touched = true;
  uncover(Number(slider.value));
});
resize(4, 3);

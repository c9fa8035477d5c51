// The photo: a large place to drop one, later a slim bar to change it.

import { isClip, take as takeClip } from "./clips.js";
import { el, parts, takeFiles, titled } from "./dom.js";
import { reading } from "./messages.js";
import { picture } from "./server.js";
import { get, memory, on, set } from "./state.js";
import { sayReduced, upload } from "./upload.js";

const section = document.getElementById("photo");
const input = document.getElementById("photo-file");
const [drop, bar, name] = parts(section, ".drop", ".bar", ".name");
let latest = null; // what cancels the upload that is under way

/** Take another photo; a picture that is shown makes room for it. */
function choose(photo) {
  latest?.abort();
  set({ photo, job: null, result: null });
}

function take([file]) {
  latest?.abort();
  const mine = (latest = new AbortController());
  reading(section, async () => {
    if (await isClip(file)) return takeClip(file, section, mine);
    const answer = await upload(file, section, mine);
    if (answer) choose({ name: file.name, ...answer });
  });
}

/** Go on with the photo that this browser remembers, if the studio still has it. */
export async function recall() {
  const photo = memory("photo");
  if (get("photo") || !photo?.source) return;
  const there = await fetch(picture(photo.source, 1280), { cache: "reload" }).catch(() => null);
  if (there?.ok && !get("photo")) set({ photo });
}

for (const button of section.querySelectorAll(".samples button")) {
  const { name, width, height } = button.dataset;
  const photo = { source: `sample:${name}`, name: titled(name), width: Number(width), height: Number(height) };
  button.addEventListener("click", () => choose(photo));
}
takeFiles(document.body, [input], take, { paste: true });
on(["photo"], () => {
  const photo = get("photo");
  if (drop.contains(document.activeElement)) input.focus();
  drop.hidden = Boolean(photo);
  bar.hidden = !photo;
  memory("photo", photo);
  if (!photo) return;
  name.replaceChildren(el("b", {}, photo.name), ` ${photo.width} × ${photo.height}`);
  sayReduced(section, "Your photo", photo);
});

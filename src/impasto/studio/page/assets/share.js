// A link that opens the page with the settings it has now.

import { settings } from "./settings.js";
import { get } from "./state.js";

const SAID = 2500; // milliseconds
const button = document.getElementById("share");
const usual = button.textContent;
let timer = 0;

function link() {
  const mode = get("mode");
  const found = new URL(location.pathname, location.origin);
  const sample = get("paintings").find(({ source }) => source.startsWith("painting:"));
  const painting = mode === "paint" && sample ? { painting: sample.name } : {};
  found.search = new URLSearchParams({ mode, ...painting, ...settings(mode) });
  return found.href;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS a browser may offer no clipboard: then the old way, if it offers that.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

button.addEventListener("click", async () => {
  const text = link();
  button.textContent = (await copied(text)) ? "Link copied" : text;
  clearTimeout(timer);
  timer = setTimeout(() => (button.textContent = usual), SAID);
});

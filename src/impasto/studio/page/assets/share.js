// A link that opens the page with the settings it has now.

import { show } from "./messages.js";
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

button.addEventListener("click", async () => {
  const text = link();
  clearTimeout(timer);
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    show(text, "link"); // over plain HTTP a browser offers no clipboard: to be copied by hand
    return;
  }
  button.textContent = "Link copied";
  timer = setTimeout(() => (button.textContent = usual), SAID);
});

// Links: to the settings that the page has now, and to a painting.

import { show } from "./messages.js";
import { settings } from "./settings.js";
import { get } from "./state.js";

const SAID = 2500; // milliseconds
const button = document.getElementById("share");

function link() {
  const mode = get("mode");
  const found = new URL("/", location.origin);
  const sample = get("paintings").find(({ source }) => source.startsWith("painting:"));
  const painting = mode === "paint" && sample ? { painting: sample.name } : {};
  found.search = new URLSearchParams({ mode, ...painting, ...settings(mode) });
  return found.href;
}

/** Copy a link; the button says so for a while. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    show(text, "link"); // over plain HTTP a browser offers no clipboard: to be copied by hand
    return;
  }
  button.dataset.usual ??= button.textContent;
  button.textContent = "Link copied";
  setTimeout(() => (button.textContent = button.dataset.usual), SAID);
}

button.addEventListener("click", () => copy(link(), button));

// A link that opens the page with the settings it has now.

const SAID = 2500; // milliseconds

/** Copy a link; `values` are those of the style, the paintings and all controls, in their order. */
export async function share([style, paintings, ...values], quick, paint) {
  const mode = document.querySelector("#palette [role=tab][aria-selected=true]").dataset.tabId;
  const link = new URL(location.pathname, location.origin);
  link.searchParams.set("mode", mode);
  if (mode === "quick" && style) link.searchParams.set("style", style);
  const sample = (paintings || []).find(({ source }) => source.startsWith("painting:"));
  if (mode === "paint" && sample) link.searchParams.set("painting", sample.name);
  const [names, from] = mode === "quick" ? [quick, 0] : [paint, quick.length];
  names.forEach((name, i) => {
    const value = values[from + i];
    link.searchParams.set(name, typeof value === "number" ? Number(value.toFixed(3)) : value);
  });
  say((await copied(link.href)) ? "Link copied" : link.href);
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

function say(text) {
  const button = document.getElementById("share");
  button.dataset.said = text;
  button.setAttribute("aria-live", "polite");
  clearTimeout(button.timer);
  const usual = (button.dataset.usual ??= button.textContent);
  button.textContent = text;
  button.timer = setTimeout(() => {
    button.textContent = usual;
  }, SAID);
}

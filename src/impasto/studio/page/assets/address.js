// The address of the page: that of the painting that is shown, with Back and Forward.

import { get, on, set } from "./state.js";

/** The address of a painting, also for others who may see it. */
export const addressOf = (job) => `${location.origin}/painting/${job}`;

const shown = () => /^\/painting\/([^/]+)$/.exec(location.pathname)?.[1] ?? null;

export function start() {
  const here = get("job") ? addressOf(get("job")) : `/${location.search}`;
  history.replaceState(null, "", here);
  on(["job"], () => {
    const job = get("job");
    if (job === shown()) return; // Back or Forward led to it
    const deleted = get("leaving").includes(shown());
    history[deleted ? "replaceState" : "pushState"](null, "", job ? addressOf(job) : "/");
  });
  addEventListener("popstate", () => set({ job: shown(), result: null }));
}

// What the parts of the page share, by name, and who is told when it changes.

const state = {
  mode: "quick", // the tab that is open
  photo: null, // { source, name, width, height }
  paintings: [], // [{ source, name }]
  job: null, // the id of the job that is shown
  mask: null, // what of a photo Quick paints: { photo, data }, the data a PNG in base64
  result: null, // what Quick made of the photo
  leaving: [], // the ids of jobs that are being deleted
  connected: true, // whether the studio answers
};
const listeners = new Map(Object.keys(state).map((name) => [name, new Set()]));

export const get = (name) => state[name];

/** Change some of it, then tell each listener of what is new, once. */
export function set(changes) {
  const changed = Object.keys(changes).filter((name) => state[name] !== changes[name]);
  Object.assign(state, changes);
  const told = new Set(changed.flatMap((name) => [...listeners.get(name)]));
  for (const listen of told) listen();
}

/** Have a function called whenever one of these changes. */
export function on(names, listen) {
  for (const name of names) listeners.get(name).add(listen);
}

/** Remember something in this browser; without a value, recall it. */
export function memory(name, value) {
  try {
    if (value === undefined) return JSON.parse(localStorage.getItem(`impasto.${name}`));
    localStorage.setItem(`impasto.${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing still shows everything.
  }
  return null;
}

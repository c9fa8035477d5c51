// The losses over the steps, drawn as SVG on a logarithmic scale.

const LINES = [
  ["total", 1], // broad and pale, below the others: one of them is most of it
  ["content", 2],
  ["style", 3],
];
const figure = document.querySelector("#viewer .losses");
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [600, 132, 6, 18, 10];

const svg = (tag, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

/** Draw rows of [step, total, content, style, scale] in `steps` steps; too few are not drawn. */
export function drawLosses(rows, steps) {
  const values = rows.flatMap((row) => row.slice(1, 4)).filter((value) => value > 0);
  figure.hidden = rows.length < 2 || !values.length;
  figure.querySelector("svg")?.remove();
  if (!figure.hidden) figure.append(drawn(rows, steps, values));
}

function drawn(rows, steps, values) {
  const high = Math.log(Math.max(...values));
  const low = Math.max(Math.log(Math.min(...values)), high - Math.log(1e5));
  const last = Math.max(steps, rows.at(-1)[0]);
  const x = (step) => LEFT + ((WIDTH - 2 * LEFT) * (step - 1)) / Math.max(1, last - 1);
  const y = (value) => {
    const at = (Math.log(value) - low) / Math.max(1e-6, high - low);
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(1, Math.max(0, at)));
  };
  const plot = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `Losses: the total is ${rows.at(-1)[1].toPrecision(3)} after ${rows.at(-1)[0]} steps`,
  });
  const line = (kind, x1, y1, x2, y2) => plot.append(svg("line", { class: kind, x1, y1, x2, y2 }));
  const ground = HEIGHT - BOTTOM;
  line("axis", LEFT, ground, WIDTH - LEFT, ground);
  rows.forEach((row, i) => {
    if (i && row[4] !== rows[i - 1][4]) line("scale", x(row[0]), TOP, x(row[0]), ground);
  });
  for (const [name, column] of LINES) {
    let path = "";
    rows.forEach((row, i) => {
      if (!(row[column] > 0)) return;
      const begins = !path || row[4] !== rows[i - 1][4];
      path += `${begins ? "M" : "L"}${x(row[0]).toFixed(1)} ${y(row[column]).toFixed(1)}`;
    });
    if (path) plot.append(svg("path", { class: name, d: path }));
  }
  return plot;
}

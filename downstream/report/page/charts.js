// Drawings in SVG. Each says in words what it shows; colours are told apart by shape or dash as well.

const COLOURS = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];
const colour = (k) => `var(${COLOURS[k % COLOURS.length]})`;
const dash = (k) => DASHES[Math.floor(k / COLOURS.length) % DASHES.length] || null;

function intervalScale(entries, metric) {
  const ends = known(Object.values(entries).flatMap((entry) => [entry[metric], ...(entry.interval[metric] || [])]));
  const low = Math.min(...ends),
    high = Math.max(...ends),
    room = (high - low || 0.01) * 0.04;
  return (value, width) => ((value - low + room) / (high - low + 2 * room)) * width;
}

function intervalPlot(entry, metric, scale, line) {
  const width = 68,
    at = (value) => scale(value, width),
    bounds = entry.interval[metric];
  if (entry[metric] === null) return "";
  return s(
    "svg",
    { width, height: 22, viewBox: `0 0 ${width} 22`, "aria-hidden": "true" },
    line !== null &&
      line !== undefined &&
      s("line", { x1: at(line), x2: at(line), y1: 0, y2: 22, stroke: "var(--whisker)", "stroke-dasharray": "2 2" }),
    bounds &&
      s("line", { x1: at(bounds[0]), x2: at(bounds[1]), y1: 11, y2: 11, stroke: "var(--whisker)", "stroke-width": 2 }),
    s("circle", { cx: at(entry[metric]), cy: 11, r: 4, fill: "var(--mark)" }),
  );
}

// Axes with a grid; gives the drawing and how to place a point in it.
function axes({ title, x, y, width = 340, height = 250 }) {
  const left = 44,
    right = 12,
    top = 10,
    bottom = 36;
  const px = (value) =>
    left +
    (x.log ? Math.log10(value / x.low) / Math.log10(x.high / x.low) : (value - x.low) / (x.high - x.low)) *
      (width - left - right);
  const py = (value) => height - bottom - ((value - y.low) / (y.high - y.low)) * (height - top - bottom);
  const lines = [
    ...y.ticks.map((tick) => [
      s("line", { x1: left, x2: width - right, y1: py(tick), y2: py(tick), stroke: "var(--line)" }),
      s("text", { x: left - 6, y: py(tick) + 4, "text-anchor": "end" }, y.text(tick)),
    ]),
    ...x.ticks.map((tick) =>
      s("text", { x: px(tick), y: height - bottom + 15, "text-anchor": "middle" }, x.text(tick)),
    ),
  ];
  const names = [
    s("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, x.name),
    s(
      "text",
      { transform: `translate(11 ${(top + height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" },
      y.name,
    ),
  ];
  return {
    px,
    py,
    drawing: s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, lines, names),
  };
}

const share = (name) => ({ name, low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], text: (tick) => percent(tick, 0) });

function ticksBetween(low, high, count = 4) {
  const raw = (high - low || 1) / count,
    size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * size).find((k) => k >= raw);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step)
    ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

function lineChart(title, x, y, lines) {
  const { px, py, drawing } = axes({ title, x, y });
  for (const { points, index, name } of lines) {
    drawing.append(
      s(
        "polyline",
        {
          points: points.map(([a, b]) => `${px(a).toFixed(1)},${py(b).toFixed(1)}`).join(" "),
          fill: "none",
          stroke: colour(index),
          "stroke-width": 1.75,
          "stroke-dasharray": dash(index),
          "stroke-linejoin": "round",
        },
        s("title", {}, name),
      ),
    );
  }
  return h("figure", {}, h("figcaption", {}, title), drawing);
}

const lineKey = (names) =>
  h(
    "ul",
    { class: "key", "aria-label": "Colours" },
    names.map((name, k) =>
      h(
        "li",
        {},
        s(
          "svg",
          { width: 26, height: 10, "aria-hidden": "true" },
          s("line", {
            x1: 1,
            x2: 25,
            y1: 5,
            y2: 5,
            stroke: colour(k),
            "stroke-width": 2.5,
            "stroke-dasharray": dash(k),
          }),
        ),
        name,
      ),
    ),
  );

// Heights of labels, moved so that none lies over another.
function apart(heights, least) {
  const order = heights.map((_, k) => k).sort((a, b) => heights[a] - heights[b]),
    placed = [...heights];
  order.forEach((k, place) => {
    if (place) placed[k] = Math.max(placed[k], placed[order[place - 1]] + least);
  });
  return placed;
}

// Cost to the right, worth upwards; what costs nothing is a line.
function tradeoff(title, axisName, points, free) {
  const values = [
    ...points.map((p) => p.value),
    ...free.map((p) => p.value),
    ...points.flatMap((p) => p.interval || []),
  ];
  const low = Math.min(...values),
    high = Math.max(...values),
    room = (high - low || 0.02) * 0.08;
  const costs = points.map((p) => p.cost),
    from = 10 ** Math.floor(Math.log10(Math.min(...costs) * 0.99)),
    to = 10 ** Math.ceil(Math.log10(Math.max(...costs) * 1.01));
  const decades = [];
  for (let tick = from; tick <= to * 1.001; tick *= 10) decades.push(tick);
  const y = {
    name: title,
    low: low - room,
    high: high + room,
    ticks: ticksBetween(low, high),
    text: (tick) => percent(tick, 0),
  };
  const { px, py, drawing } = axes({
    title: `${title} against ${axisName}`,
    x: { name: axisName, low: from, high: to, log: true, ticks: decades, text: quantity },
    y,
    width: 420,
    height: 280,
  });
  const heights = apart(
    free.map((p) => py(p.value) - 3),
    12,
  );
  free.forEach((p, k) =>
    drawing.append(
      s("line", {
        x1: px(from),
        x2: px(to),
        y1: py(p.value),
        y2: py(p.value),
        stroke: "var(--whisker)",
        "stroke-dasharray": DASHES[k % 4] || null,
      }),
      s("text", { x: px(from) + 4, y: heights[k] }, p.name),
    ),
  );
  const texts = apart(
    points.map((p) => py(p.value) + 4),
    12,
  );
  points.forEach((p, k) => {
    const left = px(p.cost) > 300;
    drawing.append(
      ...(p.interval
        ? [
            s("line", {
              x1: px(p.cost),
              x2: px(p.cost),
              y1: py(p.interval[0]),
              y2: py(p.interval[1]),
              stroke: colour(k),
            }),
          ]
        : []),
      s("circle", { cx: px(p.cost), cy: py(p.value), r: 5, fill: colour(k) }),
      s(
        "text",
        { class: "strong", x: px(p.cost) + (left ? -9 : 9), y: texts[k], "text-anchor": left ? "end" : null },
        p.name,
      ),
    );
  });
  return h("figure", {}, h("figcaption", {}, `${title}, per cent`), drawing);
}

// Rows are the true classes, columns the predicted ones; each row adds up to 100.
function confusionTable(name, classes, matrix) {
  const used = classes.map((_, k) => k).filter((k) => matrix[k].some(Boolean) || matrix.some((row) => row[k]));
  const rows = used.map((k) => {
    const total = matrix[k].reduce((a, b) => a + b, 0);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, words(classes[k])),
      used.map((j) => {
        const part = total ? matrix[k][j] / total : null;
        return td({ class: "bar", style: { "--share": `${100 * (part || 0)}%` } }, percent(part));
      }),
      td({ class: "soft" }, quantity(total)),
    );
  });
  return table(
    `${name}: true class by row, predicted class by column, per cent of the true class's pixels`,
    [th("true"), ...used.map((k) => th(words(classes[k]))), th("pixels")],
    rows,
  );
}

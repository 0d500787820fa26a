// The parts that no task owns: quality, cost, training, protocol.

function qualityPart(quality, tasks) {
  if (!quality) return null;
  const metrics = Object.keys(quality.metrics),
    inputs = Object.keys(quality.inputs);
  const head = [th("metric"), ...inputs.map((input) => th(input))];
  const number = (value) => (value === null ? "–" : Math.abs(value) < 10 ? value.toFixed(3) : value.toFixed(1));
  const rows = metrics.map((metric) => {
    const about = quality.metrics[metric];
    return h(
      "tr",
      {},
      h(
        "th",
        { scope: "row", title: about.definition },
        `${metric}${about.unit ? ` [${about.unit}]` : ""} ${about.higher_is_better ? "↑" : "↓"}`,
      ),
      inputs.map((input) => {
        const own = quality.inputs[input][metric],
          rank = quality.ranks[input] && quality.ranks[input][metric];
        return td(
          { class: rank === 1 ? "best" : rank === 2 ? "second" : null },
          h("span", {}, number(own.mean)),
          own.std !== null && h("span", { class: "range" }, `± ${number(own.std)}`),
        );
      }),
    );
  });
  return part(
    "quality",
    "Fusion quality",
    h(
      "p",
      { class: "soft" },
      `${plural(quality.images, "picture")}, preset ${quality.preset}; mean and deviation over pictures; the best and second of the fused inputs are marked.`,
    ),
    table("Metrics of fusion quality", head, rows, { class: "wide" }),
    sub(
      "Does quality go with the tasks?",
      h(
        "p",
        { class: "soft" },
        "Spearman’s correlation, each metric turned so that more is better: over inputs, over the pictures of an input, and over the inputs of a picture.",
      ),
      beside(...correlationTables(quality, tasks)),
    ),
  );
}

function correlationTables(quality, tasks) {
  const kinds = { over_inputs: "over inputs", over_pictures: "over pictures", within_pictures: "within pictures" };
  const shown = (found) =>
    found
      ? [
          `${found.spearman < 0 ? "−" : "+"}${Math.abs(found.spearman).toFixed(2)}`,
          found.interval &&
            h("span", { class: "range" }, `[${found.interval.map((v) => v.toFixed(2).replace("-", "−")).join(", ")}]`),
        ]
      : "–";
  return Object.entries(quality.tasks || {}).map(([name, task]) =>
    table(
      `With ${name}’s ${tasks[name] ? tasks[name].titles[task.figure] : task.figure}: ${task.inputs.length} inputs, ${task.images} pictures`,
      [th("metric"), ...Object.values(kinds).map((title) => th(title))],
      Object.entries(task.metrics).map(([metric, own]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, metric),
          Object.keys(kinds).map((kind) => td({}, shown(own[kind]))),
        ),
      ),
    ),
  );
}

function costPart(results) {
  const cost = results.cost;
  if (!cost) return null;
  const ms = results.measured.ms_a_pair,
    methods = Object.keys(cost.methods);
  const rows = methods.map((name) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      td({}, quantity(cost.methods[name].parameters)),
      td({}, quantity(cost.methods[name].flops)),
      td({}, ms[name] ? ms[name].toFixed(ms[name] < 100 ? 1 : 0) : "–"),
    ),
  );
  const axesAt = [
    ["parameters", "parameters"],
    ["flops", "operations for one pair"],
    ["ms", "milliseconds for one pair"],
  ].find(([key]) => methods.some((name) => (key === "ms" ? ms[name] : cost.methods[name][key])));
  const charts = axesAt && Object.entries(results.tasks).map(([, task]) => costChart(task, cost, ms, axesAt));
  return part(
    "cost",
    "Cost and worth",
    h(
      "p",
      { class: "soft" },
      `For one pair of ${cost.size[0]} × ${cost.size[1]} pixels on ${cost.device}. A method earns its cost where it stands above the lines of what costs nothing. Costs of other methods go into cost/costs.csv.`,
    ),
    h("div", { class: "charts" }, charts),
    table("What each method costs", [th("method"), th("parameters"), th("operations"), th("ms")], rows),
  );
}

function costChart(task, cost, ms, [key, axis]) {
  const entries = task.result.inputs,
    metric = task.primary;
  const points = Object.keys(cost.methods)
    .map((name) => ({ name, cost: key === "ms" ? ms[name] : cost.methods[name][key], entry: entries[name] }))
    .filter((p) => p.cost && p.entry && p.entry[metric] !== null)
    .map((p) => ({ ...p, value: p.entry[metric], interval: p.entry.interval[metric] }));
  const free = cost.free
    .filter((name) => entries[name] && entries[name][metric] !== null)
    .map((name) => ({ name, value: entries[name][metric] }));
  return points.length ? tradeoff(task.titles[metric], axis, points, free) : null;
}

function trainingPart(training) {
  const shown = Object.entries(training).filter(([, logs]) => Object.keys(logs).length);
  return part(
    "training",
    "Training",
    shown.map(([task, logs]) => [
      lineKey(Object.keys(logs)),
      h("div", { class: "charts" }, trainingCharts(task, logs)),
    ]),
  );
}

function trainingCharts(task, logs) {
  const names = Object.keys(logs),
    values = [...new Set(names.flatMap((name) => Object.keys(logs[name].values)))];
  return values.map((value) => {
    const lines = names
      .map((name, index) => ({ index, name, own: logs[name].values[value] }))
      .filter((line) => line.own)
      .map(({ index, name, own }) => ({ index, name, points: logs[name].at.map((at, k) => [at, own[k]]) }));
    const all = lines.flatMap((line) => line.points),
      xs = all.map(([x]) => x),
      ys = all.map(([, y]) => y);
    const axis = (name, own) => {
      const low = Math.min(...own),
        high = Math.max(...own);
      return {
        name,
        low,
        high: high > low ? high : low + 1,
        ticks: ticksBetween(low, high > low ? high : low + 1),
        text: (tick) => String(tick),
      };
    };
    return lineChart(
      `${capital(task)}, ${words(value)}`,
      axis(logs[names[0]].along, xs),
      axis(words(value), ys),
      lines,
    );
  });
}

function protocolPart(results) {
  const flat = (value, prefix = "") =>
    Object.entries(value).flatMap(([key, own]) =>
      own && typeof own === "object" && !Array.isArray(own) && JSON.stringify(own).length > 90
        ? flat(own, `${prefix}${key}.`)
        : [[prefix + key, own]],
    );
  const list = (value) =>
    h(
      "dl",
      {},
      flat(value)
        .filter(([, own]) => own !== null && String(own) !== "")
        .map(([key, own]) => [h("dt", {}, key), h("dd", {}, typeof own === "string" ? own : JSON.stringify(own))]),
    );
  const skipped = results.steps.flatMap((step) =>
    step.skipped.map((item) => `${item.name} (${step.step}): ${item.reason}`),
  );
  const seconds = results.measured.seconds;
  return part(
    "protocol",
    "Protocol",
    Object.entries(results.tasks).map(([name, task]) =>
      h("details", {}, h("summary", {}, capital(name)), list(task.result.protocol)),
    ),
    h("details", {}, h("summary", {}, "Settings"), list(results.config)),
    h("details", {}, h("summary", {}, "Made with"), list(results.made_with)),
    skipped.length > 0 &&
      h(
        "details",
        { open: true },
        h("summary", {}, plural(skipped.length, "skipped picture")),
        h(
          "ul",
          {},
          skipped.map((text) => h("li", {}, text)),
        ),
      ),
    sub(
      "Steps",
      table(
        "What became of each step",
        [th("step"), th("status", { class: "left" }), th("seconds")],
        results.steps.map((step) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, step.step),
            td({ class: "left" }, step.status + (step.reason ? `: ${step.reason}` : "")),
            td({}, seconds[step.step] ? seconds[step.step].toFixed(0) : "–"),
          ),
        ),
      ),
    ),
  );
}

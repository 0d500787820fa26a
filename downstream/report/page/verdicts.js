// What differences show, and the first screen: the verdict in words and the main table.

const CAMERAS = ["infrared", "visible"];
const SIGNS = { better: "▲", worse: "▼", "no evidence": "○", "too few pictures": "…", "one seed": "…" };

function verdictMark(row) {
  const said = row.verdict;
  const kind = said === "better" || said === "worse" ? said : "none";
  return h("span", { class: `said ${kind}` }, h("span", { "aria-hidden": "true" }, `${SIGNS[said] || "○"} `), said);
}

function verdictCell(row, target) {
  if (!row) return td({}, "");
  return td(
    {},
    target ? h("a", { class: "figure", href: target }, verdictMark(row)) : verdictMark(row),
    h("span", { class: "range" }, `${signed(row.difference)} ${signedRange(row.simultaneous)}`),
  );
}

const difference = (task, input, against, metric) =>
  task.result.differences.find((row) => row.input === input && row.against === against && row.metric === metric);

function betterCamera(task) {
  const entries = task.result.inputs;
  return CAMERAS.filter((name) => entries[name]).sort(
    (a, b) => (entries[b][task.primary] ?? -1) - (entries[a][task.primary] ?? -1),
  )[0];
}

function verdictPart(results) {
  const sample =
    results.data.sample &&
    h(
      "p",
      { class: "notice" },
      "These are drawn sample scenes: the figures show that the tool works, not what fusion is worth.",
    );
  const failed = results.steps
    .filter((step) => step.status === "failed")
    .map((step) =>
      h("p", { class: "notice", role: "alert" }, h("strong", {}, `${capital(step.step)} failed. `), step.reason),
    );
  return h(
    "section",
    { id: "verdict", "aria-label": "Verdict" },
    h(
      "div",
      { class: "verdicts" },
      results.summary.map((said) =>
        h(
          "div",
          {},
          h("p", { class: "task" }, capital(said.task)),
          h("h2", {}, said.headline),
          h("p", { class: "soft" }, typeset(said.text)),
        ),
      ),
    ),
    sample,
    failed,
  );
}

// The main table: a line an input; for each task its first figure, where it stands, and what that shows.
function mainTable(results) {
  const tasks = Object.entries(results.tasks);
  if (!tasks.length) return null;
  const columns = tasks.map(([name, task]) => mainColumns(name, task));
  const head = [
    [
      th(unseen("input")),
      ...columns.map((column, k) =>
        th(capital(tasks[k][0]) + byNetwork(results, tasks[k][0]), { colspan: column.head.length, scope: "colgroup" }),
      ),
    ],
    [th("input"), ...columns.flatMap((column) => column.head)],
  ];
  const rows = results.inputs.map((input) =>
    h(
      "tr",
      {},
      rowName(input),
      columns.flatMap((column) => column.cells(input)),
    ),
  );
  return part(
    "figures",
    "The figures",
    h("p", { class: "soft" }, mainWords(results)),
    table(
      "First figure of each task in per cent, with its interval; differences in points, with intervals that hold for all of them at once. A dot stands for the figure, its bar for the interval, the dashed line for the better camera.",
      head,
      rows,
      { class: "wide main" },
    ),
  );
}

function rowName(input) {
  const kind = CAMERAS.includes(input) ? "one camera" : input === "late" ? "both cameras’ results" : null;
  return h("th", { scope: "row" }, input, kind && h("span", { class: "range" }, kind));
}

function mainColumns(name, task) {
  const entries = task.result.inputs,
    metric = task.primary,
    camera = betterCamera(task);
  const values = Object.fromEntries(Object.entries(entries).map(([input, entry]) => [input, entry[metric]]));
  const place = places(values),
    scale = intervalScale(entries, metric);
  const others = ["best camera", "max", "late"].filter((other) =>
    task.result.differences.some((row) => row.against === other && row.metric === metric),
  );
  const ranks = task.result.ranks && task.result.ranks[metric];
  const head = [th(task.titles[metric]), th(unseen("drawn")), ...others.map((other) => th(`against ${other}`))];
  const cells = (input) => {
    const entry = entries[input];
    if (!entry) return [td({ class: "soft", colspan: head.length }, "not compared")];
    const target = galleryLink({ task: name, of: input, order: "best" });
    return [
      td(
        { class: placed(place[input]) },
        h("a", { class: "figure", href: target }, percent(entry[metric])),
        h("span", { class: "range" }, range(entry.interval[metric])),
        ranks &&
          ranks[input] &&
          h(
            "span",
            { class: "range", title: ranks[input].interval ? `rank ${ranks[input].interval.join(" to ")}` : null },
            `first in ${percent(ranks[input].first, 0)} %`,
          ),
      ),
      td({}, intervalPlot(entry, metric, scale, values[camera])),
      ...others.map((other) =>
        verdictCell(difference(task, input, other, metric), galleryLink({ task: name, of: input, order: "worst" })),
      ),
    ];
  };
  return { head, cells };
}

function mainWords(results) {
  return Object.entries(results.tasks)
    .map(([name, task]) => {
      const protocol = task.result.protocol,
        power = task.result.power && task.result.power[task.primary];
      const least =
        power && power.difference_80 !== undefined
          ? ` It would have shown a difference of ${percent(power.difference_80)} points in 8 of 10 such sets.`
          : "";
      return `${capital(name)}${byNetwork(results, name)}: ${plural(task.result.images, "picture")}, protocol ${protocol.name}.${least}`;
    })
    .join(" ");
}

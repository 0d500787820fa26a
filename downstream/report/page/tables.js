// Tables of a task's entries: everything follows the keys that the JSON has.

// One table: a line an input, a column a figure; the best is bold, the second underlined.
function figuresTable(caption, task, columns) {
  const inputs = Object.keys(task.result.inputs);
  const marks = columns.map((column) =>
    places(Object.fromEntries(inputs.map((input) => [input, column.value(task.result.inputs[input])]))),
  );
  const head = [
    th("input"),
    ...columns.map((column) => th([column.title, column.note && h("span", { class: "range" }, column.note)])),
  ];
  const rows = inputs.map((input) =>
    h(
      "tr",
      {},
      rowName(input),
      columns.map((column, k) => {
        const entry = task.result.inputs[input],
          value = column.value(entry),
          bounds = column.interval && column.interval(entry);
        const text = column.link
          ? h("a", { class: "figure", href: column.link(input) }, percent(value))
          : percent(value);
        return td(
          {
            class: ["bar", placed(marks[k][input])].filter(Boolean).join(" "),
            style: { "--share": `${100 * Math.max(0, value || 0)}%` },
          },
          text,
          bounds && h("span", { class: "range" }, range(bounds)),
        );
      }),
    ),
  );
  return table(caption, head, rows);
}

function wholeTable(name, task) {
  const columns = Object.entries(task.titles).map(([metric, title]) => ({
    title,
    value: (entry) => entry[metric],
    interval: (entry) => entry.interval[metric],
    link: (input) => galleryLink({ task: name, of: input, order: "worst" }),
  }));
  const spread = Object.values(task.result.inputs).some((entry) => entry.spread);
  if (spread)
    columns.push({
      title: `range over seeds, ${task.titles[task.primary]}`,
      value: (entry) => entry.spread && entry.spread[task.primary],
    });
  return figuresTable(`${capital(name)} over the whole set, per cent`, task, columns);
}

function groupTable(name, task) {
  const groups = groupsOf(task.result.inputs),
    metric = task.primary;
  if (!groups.length) return null;
  const count = (group) =>
    Object.values(task.result.inputs)
      .map((entry) => entry[group])
      .find(Boolean).images;
  return figuresTable(
    `${task.titles[metric]} in each group of pictures, per cent`,
    task,
    groups.map((group) => ({
      title: capital(group),
      note: plural(count(group), "picture"),
      value: (entry) => entry[group] && entry[group][metric],
      interval: (entry) => entry[group] && entry[group].interval && entry[group].interval[metric],
      link: (input) => galleryLink({ task: name, of: input, group, order: "worst" }),
    })),
  );
}

// A class has a figure, or several with the number of its objects; the last of several is the one shown.
function classTable(name, task) {
  const entries = Object.values(task.result.inputs),
    classes = Object.keys((entries[0] && entries[0].per_class) || {});
  const figure = (entry, label) => {
    const own = entry.per_class[label];
    return own !== null && typeof own === "object" ? own[classMetric(own)] : own;
  };
  const shown = classes.filter((label) =>
    entries.some((entry) => figure(entry, label) !== null && figure(entry, label) !== undefined),
  );
  const without = classes.filter((label) => !shown.includes(label));
  if (!shown.length) return null;
  const own = entries[0].per_class[shown[0]],
    metric = own !== null && typeof own === "object" ? classMetric(own).toUpperCase() : "IoU";
  return [
    figuresTable(
      `${capital(name)}: ${metric} of each class, per cent`,
      task,
      shown.map((label) => ({
        title: capital(label),
        note:
          entries[0].per_class[label] && entries[0].per_class[label].objects !== undefined
            ? plural(entries[0].per_class[label].objects, "object")
            : null,
        value: (entry) => figure(entry, label),
        interval: (entry) =>
          entry.per_class[label] && entry.per_class[label].interval
            ? entry.per_class[label].interval[classMetric(entry.per_class[label])]
            : entry.interval[label],
        link: (input) => galleryLink({ task: name, of: input, class: label, order: "worst" }),
      })),
    ),
    without.length > 0 && h("p", { class: "soft" }, `Not measured here: ${without.map(words).join(", ")}.`),
  ];
}
const classMetric = (own) =>
  "ap50" in own ? "ap50" : Object.keys(own).find((key) => typeof own[key] === "number" && key !== "objects");

function sizeTable(task) {
  const entries = Object.values(task.result.inputs),
    sizes = Object.keys((entries[0] && entries[0].per_size) || {});
  if (!sizes.length) return null;
  return figuresTable(
    `${task.titles[task.primary]} by the size of the objects, per cent`,
    task,
    sizes.map((size) => ({
      title: capital(size),
      note: plural(entries[0].per_size[size].objects, "object"),
      value: (entry) => entry.per_size[size][task.primary],
      interval: (entry) => entry.per_size[size].interval && entry.per_size[size].interval[task.primary],
    })),
  );
}

function seenTable(name, task) {
  const entries = Object.values(task.result.inputs),
    groups = Object.keys((entries[0] && entries[0].complementarity) || {});
  if (!groups.length) return null;
  const titles = { both: "Seen by both cameras", infrared_only: "Only in infrared", visible_only: "Only in visible" };
  return [
    h(
      "p",
      { class: "soft" },
      "The share of annotated objects that each input finds, by which camera shows them. Each input counts at its own best confidence.",
    ),
    figuresTable(
      "Recall by who sees an object, per cent",
      task,
      groups.map((group) => ({
        title: titles[group] || capital(group),
        note: plural(entries[0].complementarity[group].objects, "object"),
        value: (entry) => entry.complementarity && entry.complementarity[group].recall,
        interval: (entry) => entry.complementarity && entry.complementarity[group].interval,
        link: (input) => galleryLink({ task: name, of: input, order: "worst" }),
      })),
    ),
  ];
}

function differenceTable(name, task) {
  const rows = task.result.differences.filter((row) => task.titles[row.metric]);
  if (!rows.length) return null;
  const seeds = rows.some((row) => row.seeds);
  const head = [
    th("input"),
    th("against", { class: "left" }),
    th("figure", { class: "left" }),
    th("difference"),
    th("95 % interval"),
    th("all at once"),
    ...(seeds ? [th("each seed")] : []),
    th("verdict", { class: "left" }),
  ];
  const lines = rows.map((row) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, row.input),
      td({ class: "left" }, row.against),
      td({ class: "left" }, task.titles[row.metric]),
      td({}, signed(row.difference)),
      td({}, signedRange(row.interval)),
      td({}, signedRange(row.simultaneous)),
      seeds && td({}, (row.seeds || []).map((d) => (d === null ? "–" : signed(d))).join(", ")),
      td({ class: "left" }, verdictMark(row)),
    ),
  );
  return h(
    "details",
    {},
    h("summary", {}, `All ${lines.length} differences`),
    table(`${capital(name)}: differences in points`, head, lines),
  );
}

function changesPart(changes) {
  if (!changes) return null;
  const rows = [
    ...changes.figures.map((row) => [row.task, row.input, row.metric, percent(row.before), percent(row.now)]),
    ...changes.verdicts.map((row) => [
      row.task,
      `${row.input} against ${row.against}`,
      row.metric,
      row.before,
      row.now,
    ]),
  ];
  const lists = [
    ["New inputs", changes.inputs_added],
    ["No longer there", changes.inputs_removed],
  ].filter(([, names]) => names.length);
  return part(
    "changes",
    `What changed since ${changes.against}`,
    h(
      "p",
      {},
      changes.same_pictures
        ? "Both runs saw the same pictures."
        : "The pictures are not the same, so the figures are not to be compared one by one.",
    ),
    rows.length
      ? table(
          "Figures in per cent, and verdicts, that are not the same",
          [th("task"), th("input", { class: "left" }), th("figure", { class: "left" }), th("before"), th("now")],
          rows.map(([task, input, metric, before, now]) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, task),
              td({ class: "left" }, input),
              td({ class: "left" }, metric),
              td({}, before),
              td({}, now),
            ),
          ),
        )
      : h("p", {}, "No figure and no verdict changed."),
    lists.map(([title, names]) => h("p", {}, `${title}: ${names.join(", ")}.`)),
    changes.settings.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, "Settings that differ"),
        h(
          "dl",
          {},
          changes.settings.map((row) => [
            h("dt", {}, row.setting),
            h("dd", {}, `${JSON.stringify(row.before)} → ${JSON.stringify(row.now)}`),
          ]),
        ),
      ),
  );
}

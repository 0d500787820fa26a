// The part of each task below the first screen.

function taskPart(name, task, results) {
  return part(
    name,
    capital(name) + byNetwork(results, name),
    beside(sub("All pictures", wholeTable(name, task)), sub("Groups of pictures", groupTable(name, task))),
    differenceTable(name, task),
    beside(sub("Classes", classTable(name, task)), sub("Sizes of objects", sizeTable(task))),
    sub("Who sees what", seenTable(name, task)),
    labelSources(name, task),
    sub("Precision over recall", precisionCharts(task)),
    sub("Calibration", calibrationChart(task)),
    sub("Confusion", confusionTables(task)),
    largest(name, task),
  );
}

function labelSources(name, task) {
  const inputs = Object.keys(task.result.inputs),
    own = (input) => task.result.inputs[input].label_sources || {},
    metric = task.primary;
  const sources = Object.keys(own(inputs[0]));
  if (sources.length < 2) return [];
  const orders = new Set(
    sources.map((source) =>
      [...inputs].sort((a, b) => (own(b)[source][metric] ?? -1) - (own(a)[source][metric] ?? -1)).join(),
    ),
  );
  return sub(
    "Whose labels",
    h(
      "p",
      { class: "soft" },
      orders.size > 1
        ? "The order of the inputs hangs on whose labels are believed."
        : "By all labels the inputs stand in one order.",
    ),
    figuresTable(
      `${capital(name)}: ${task.titles[metric]} by each set of labels, per cent`,
      task,
      sources.map((source) => ({ title: words(source), value: (entry) => entry.label_sources[source][metric] })),
    ),
  );
}

function precisionCharts(task) {
  if (!task.precision) return null;
  const inputs = Object.keys(task.precision),
    classes = Object.keys(task.precision[inputs[0]]).filter((c) => inputs.some((i) => task.precision[i][c]));
  const charts = classes.map((label) =>
    lineChart(
      `${capital(label)}, IoU 0.5`,
      share("recall, %"),
      share("precision, %"),
      inputs
        .map((input, index) => ({
          index,
          name: input,
          points: (task.precision[input][label] || []).map((p, k) => [k / 100, p]),
        }))
        .filter((line) => line.points.length),
    ),
  );
  return [lineKey(inputs), h("div", { class: "charts" }, charts)];
}

function calibrationChart(task) {
  if (!task.calibration) return null;
  const inputs = Object.keys(task.calibration);
  const lines = inputs.map((input, index) => ({
    index,
    name: input,
    points: task.calibration[input].map((bin) => [bin.confidence, bin.hits]),
  }));
  return [
    h(
      "p",
      { class: "soft" },
      "Of the detections with some confidence, the share that hits an object at IoU 0.5. On the diagonal a confidence means what it says.",
    ),
    lineKey(inputs),
    h(
      "div",
      { class: "charts" },
      lineChart("Hits by confidence", share("confidence, %"), share("hits, %"), [
        ...lines,
        {
          index: 7,
          name: "diagonal",
          points: [
            [0, 0],
            [1, 1],
          ],
        },
      ]),
    ),
  ];
}

function confusionTables(task) {
  if (!task.confusion) return null;
  const inputs = Object.keys(task.confusion),
    place = h("div", { "aria-live": "polite" });
  const show = (input) => place.replaceChildren(confusionTable(input, task.result.classes, task.confusion[input]));
  const first = inputs.includes("dwsfusion") ? "dwsfusion" : inputs[0];
  show(first);
  return [
    h(
      "div",
      { class: "tools" },
      select(
        "Input",
        inputs.map((input) => [input, input]),
        first,
        show,
      ),
    ),
    place,
  ];
}

function largest(name, task) {
  const changes = task.result.largest_changes;
  if (!changes) return [];
  const links = (rows, of, order) =>
    rows
      .slice(0, 5)
      .map((row, k) => [
        k ? ", " : "",
        h("a", { href: galleryLink({ task: name, of, order, picture: row.image }) }, row.image),
      ]);
  return sub(
    "Pictures that change most",
    h("p", { class: "soft" }, `Against ${changes.against}: ${changes.change}.`),
    table(
      `${capital(name)}: largest gains and losses`,
      [th("input"), th("gains", { class: "left" }), th("losses", { class: "left" })],
      Object.entries(changes.inputs).map(([input, own]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, input),
          td({ class: "left" }, links(own.gains, input, "best")),
          td({ class: "left" }, links(own.losses, input, "worst")),
        ),
      ),
    ),
  );
}

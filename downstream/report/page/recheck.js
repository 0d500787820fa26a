// The main table once more, from the counts of each picture: figures, intervals, verdicts, by this browser.

const TOLERANCE = 1e-9;

// The estimates of an input, metric by metric.
async function recompute(task, input, draws, objects, noise) {
  const perSeed = [];
  for (const own of task.counts.inputs[input])
    perSeed.push(
      objects
        ? await precisionFigures(task.counts, own, objects, draws)
        : await overlapFigures(task.counts, own, draws),
    );
  return Object.fromEntries(
    Object.keys(task.titles).map((metric) => [
      metric,
      estimateOf(
        perSeed.map((figures) => figures[metric]),
        draws,
        noise,
        task.counts.by_objects,
      ),
    ]),
  );
}

// Holds numbers against those of the results, and remembers what differs.
function holder(name) {
  const found = { compared: 0, verdicts: 0, largest: 0, wrong: [] };
  const number = (what, mine, said) => {
    const off = said === null ? (Number.isNaN(mine) ? 0 : Infinity) : Math.abs(mine - said);
    found.compared += 1;
    found.largest = Math.max(found.largest, off);
    if (!(off <= TOLERANCE)) found.wrong.push(`${name}, ${what}: ${mine} here, ${said} in the results`);
  };
  const verdict = (what, mine, said) => {
    found.verdicts += 1;
    if (mine !== said) found.wrong.push(`${name}, ${what}: ${mine} here, ${said} in the results`);
  };
  return {
    found,
    number,
    verdict,
    both: (what, mine, said) => [0, 1].forEach((end) => number(what, mine ? mine[end] : NaN, said ? said[end] : null)),
  };
}

async function recheckTask(name, task, progress) {
  const draws = await weightings(task.counts.draws),
    objects = task.counts.objects ? await unpack(task.counts.objects) : null;
  const noise = task.counts.noise ? (await unpack(task.counts.noise)).values : null,
    again = {},
    hold = holder(name);
  for (const input of Object.keys(task.result.inputs)) {
    progress(`${capital(name)}: ${input}`);
    await new Promise((done) => setTimeout(done));
    again[input] = await recompute(task, input, draws, objects, noise);
    for (const metric of Object.keys(task.titles)) {
      const own = again[input][metric],
        entry = task.result.inputs[input];
      hold.number(`${input}, ${metric}`, own.value, entry[metric]);
      hold.both(`${input}, interval of ${metric}`, intervalOf(own, ALONE), entry.interval[metric]);
    }
  }
  for (const metric of Object.keys(task.titles)) recheckFamily(metric, task, again, hold);
  return hold.found;
}

function recheckFamily(metric, task, again, hold) {
  const rows = task.result.differences.filter((row) => row.metric === metric),
    of = (input) => (again[input] ? again[input][metric] : bestOf(CAMERAS.map((camera) => again[camera][metric])));
  const differences = rows.map((row) => minus(of(row.input), of(row.against))),
    errors = criticalValue(differences),
    toCameras = (row) => differences.filter((_, k) => rows[k].input === row.input && CAMERAS.includes(rows[k].against)),
    reach = (row, own, errors) =>
      again[row.against] ? intervalOf(own, errors) : intervalToBest(toCameras(row), errors);
  rows.forEach((row, k) => {
    const own = differences[k],
      what = `${row.input} against ${row.against}, ${metric}`,
      together = reach(row, own, errors);
    hold.number(what, own.value, row.difference);
    hold.both(`interval of ${what}`, reach(row, own, ALONE), row.interval);
    hold.both(`simultaneous interval of ${what}`, together, row.simultaneous);
    hold.verdict(what, verdictBy(together, task.counts, own.without.length, own.seeds.length), row.verdict);
  });
}

function recheckPart(results) {
  const tasks = Object.entries(results.tasks).filter(([, task]) => task.counts);
  if (!tasks.length) return null;
  const outcome = h("div", { id: "recheck-outcome", role: "status" }),
    button = h("button", { type: "button", id: "recheck-run" }, "Compute the table again");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      outcome.replaceChildren(
        ...recheckWords(await recheckAll(tasks, (text) => outcome.replaceChildren(h("p", {}, `${text} …`)))),
      );
    } catch (error) {
      outcome.replaceChildren(h("p", { class: "notice" }, `This browser could not: ${error.message}`));
    }
    button.disabled = false;
  });
  return part(
    "recheck",
    "Check it yourself",
    h(
      "p",
      {},
      "This page holds what was counted in each picture and the pictures of each draw. From these your browser computes the figures, their intervals and the verdicts anew, and holds them against those shown above.",
    ),
    h("div", { class: "tools" }, button),
    outcome,
  );
}

async function recheckAll(tasks, progress) {
  const found = [];
  for (const [name, task] of tasks) found.push(await recheckTask(name, task, progress));
  return {
    compared: found.reduce((n, own) => n + own.compared, 0),
    verdicts: found.reduce((n, own) => n + own.verdicts, 0),
    largest: Math.max(...found.map((own) => own.largest)),
    wrong: found.flatMap((own) => own.wrong),
  };
}

function recheckWords({ compared, verdicts, largest, wrong }) {
  const head = wrong.length
    ? `${plural(wrong.length, "number")} of ${compared + verdicts} differ.`
    : `All ${compared.toLocaleString("en")} numbers and ${verdicts} verdicts are the same; the largest difference is ${largest.toExponential(1)}.`;
  return [
    h(
      "p",
      {
        class: wrong.length ? "notice" : "said better",
        "data-wrong": wrong.length,
        "data-largest": largest,
        "data-compared": compared,
      },
      head,
    ),
    wrong.length > 0 &&
      h(
        "ul",
        {},
        wrong.slice(0, 20).map((text) => h("li", {}, text)),
      ),
  ].filter(Boolean);
}

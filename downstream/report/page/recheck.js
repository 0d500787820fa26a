// The main table once more, from the counts of each picture: figures, intervals, verdicts, by this browser.

const TOLERANCE = 1e-9;

// What the figures of an input are in each weighting of the pictures, for each seed.
async function figuresOfSeeds(task, input, draws, objects) {
  const perSeed = [];
  for (const own of task.counts.inputs[input])
    perSeed.push(
      objects
        ? await precisionFigures(task.counts, own, objects, draws)
        : await overlapFigures(task.counts, own, draws),
    );
  return perSeed;
}

// The estimates of an input, metric by metric, from the figures of each seed, or of each network.
const estimatesOf = (task, each, draws, noise) =>
  Object.fromEntries(
    Object.keys(task.titles).map((metric) => [
      metric,
      estimateOf(
        each.map((figures) => figures[metric]),
        draws,
        noise,
        task.counts.by_objects,
      ),
    ]),
  );

// The mean over the seeds of one network, metric by metric.
const overSeeds = (task, perSeed) =>
  Object.fromEntries(
    Object.keys(task.titles).map((metric) => [
      metric,
      perSeed[0][metric].map((_, r) => meanOfDefined(perSeed.map((figures) => figures[metric][r]))),
    ]),
  );

const objectsOf = async (task) => (task.counts.objects ? unpack(task.counts.objects) : null);

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
    objects = await objectsOf(task);
  const noise = task.counts.noise ? (await unpack(task.counts.noise)).values : null,
    again = {},
    hold = holder(name);
  for (const input of Object.keys(task.result.inputs)) {
    progress(`${capital(name)}: ${input}`);
    await new Promise((done) => setTimeout(done));
    again[input] = estimatesOf(task, await figuresOfSeeds(task, input, draws, objects), draws, noise);
  }
  recheckFigures(task, again, hold);
  return hold.found;
}

// What holds over several networks, each of which is to a mean what a seed is to one network.
async function recheckOver(name, { over, all, noise: packed }, progress) {
  const networks = Object.values(all),
    [first] = networks,
    draws = await weightings(first.counts.draws),
    noise = (await unpack(packed)).values;
  const task = { titles: first.titles, counts: first.counts, result: over },
    hold = holder(name),
    again = {};
  for (const input of Object.keys(over.inputs)) {
    progress(`${capital(name)}: ${input}`);
    await new Promise((done) => setTimeout(done));
    const each = [];
    for (const own of networks)
      each.push(overSeeds(own, await figuresOfSeeds(own, input, draws, await objectsOf(own))));
    again[input] = estimatesOf(task, each, draws, noise);
  }
  recheckFigures(task, again, hold);
  return hold.found;
}

function recheckFigures(task, again, hold) {
  for (const [input, entry] of Object.entries(task.result.inputs))
    for (const metric of Object.keys(task.titles)) {
      const own = again[input][metric];
      hold.number(`${input}, ${metric}`, own.value, entry[metric]);
      hold.both(`${input}, interval of ${metric}`, intervalOf(own, ALONE), entry.interval[metric]);
    }
  for (const metric of Object.keys(task.titles)) recheckFamily(metric, task, again, hold);
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
  const checks = checksOf(results);
  if (!checks.length) return null;
  const outcome = h("div", { id: "recheck-outcome", role: "status" }),
    button = h("button", { type: "button", id: "recheck-run" }, "Compute the table again");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      outcome.replaceChildren(
        ...recheckWords(await recheckAll(checks, (text) => outcome.replaceChildren(h("p", {}, `${text} …`)))),
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

// Every table that can be computed again: of each task, or of each of its networks and over all of them.
function checksOf(results) {
  return Object.entries(results.tasks).flatMap(([name, task]) => {
    const own = networksOf(results, name);
    const each = own ? Object.entries(own.all).map(([network, of]) => [`${name}, ${network}`, of]) : [[name, task]];
    if (!each.every(([, of]) => of.counts)) return [];
    const over = own ? [(progress) => recheckOver(`${name}, over networks`, own, progress)] : [];
    return [
      ...each.map(
        ([said, of]) =>
          (progress) =>
            recheckTask(said, of, progress),
      ),
      ...over,
    ];
  });
}

async function recheckAll(checks, progress) {
  const found = [];
  for (const one of checks) found.push(await one(progress));
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

// The main table once more, from the counts of each picture: figures, intervals, verdicts, by this browser.

const TOLERANCE = 1e-9;
const TYPES = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array };

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.deflated), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return { shape: packed.shape, values: new TYPES[packed.type](buffer) };
}

// A row of ones, which counts every picture once, and then the draws.
async function weightings(packed) {
  const { shape: [resamples, pictures], values } = await unpack(packed);
  const all = new Uint16Array((resamples + 1) * pictures).fill(1, 0, pictures);
  all.set(values, pictures);
  return { rows: resamples + 1, pictures, all };
}

const EPSILON = 2 ** -52;

// How many of the 101 recalls are reached by so many true detections, for one number of objects.
function recallTable(objects, most) {
  const reached = new Uint8Array(most + 1);
  for (let true_ = 0, k = 0; true_ <= most; true_ += 1) {
    while (k < 101 && (k === 100 ? 1 : k * 0.01) <= true_ / Math.max(objects, 1)) k += 1;
    reached[true_] = k;
  }
  return reached;
}

// AP of one class in one weighting at one bit of the hits: the mean over 101 recalls of the best precision there or further on.
function averagePrecision(pictures, hits, bit, weights, reached) {
  let detections = 0, found = 0, count = 0;
  const precision = averagePrecision.precision, upTo = averagePrecision.upTo;
  for (let d = 0; d < pictures.length; d += 1) {
    const weight = weights[pictures[d]];
    detections += weight;
    if (weight && hits[d] & bit) { found += weight; precision[count] = found / (detections + EPSILON); upTo[count] = found; count += 1; }
  }
  let sum = 0, best = 0;
  for (let d = count - 1; d >= 0; d -= 1) {
    best = Math.max(best, precision[d]);
    sum += best * (reached[upTo[d]] - (d ? reached[upTo[d - 1]] : reached[0]) + (d ? 0 : reached[0]));
  }
  return sum / 101;
}

async function precisionFigures(counts, of_seed, objects, draws) {
  const figures = { map: new Float64Array(draws.rows), map50: new Float64Array(draws.rows) };
  const classes = await Promise.all(of_seed.map(async (own) => ({ pictures: (await unpack(own.pictures)).values, hits: (await unpack(own.hits)).values })));
  const longest = Math.max(0, ...classes.map((own) => own.pictures.length));
  averagePrecision.precision = new Float64Array(longest); averagePrecision.upTo = new Uint32Array(longest);
  for (let r = 0; r < draws.rows; r += 1) {
    const weights = draws.all.subarray(r * draws.pictures, (r + 1) * draws.pictures), sums = new Float64Array(10);
    let defined = 0;
    for (let k = 0; k < classes.length; k += 1) {
      if (!counts.classes[k].detectable) continue;
      let there = 0;
      for (let p = 0; p < draws.pictures; p += 1) there += weights[p] * objects.values[k * draws.pictures + p];
      if (!there) continue;
      defined += 1;
      const reached = recallTable(there, there);
      for (let t = 0; t < 10; t += 1) sums[t] += averagePrecision(classes[k].pictures, classes[k].hits, 1 << t, weights, reached);
    }
    figures.map50[r] = sums[0] / defined;
    figures.map[r] = sums.reduce((a, b) => a + b / defined, 0) / 10;
  }
  return figures;
}

async function overlapFigures(counts, of_seed, draws) {
  const { shape: [, size], values } = await unpack(of_seed), cells = size * size;
  const figures = { miou: new Float64Array(draws.rows), miou_foreground: new Float64Array(draws.rows), pixel_accuracy: new Float64Array(draws.rows) };
  for (let r = 0; r < draws.rows; r += 1) {
    const sum = new Float64Array(cells);
    for (let p = 0; p < draws.pictures; p += 1) {
      const weight = draws.all[r * draws.pictures + p];
      if (weight) for (let c = 0; c < cells; c += 1) sum[c] += weight * values[p * cells + c];
    }
    const overlap = [];
    let right = 0, all = 0;
    for (let k = 0; k < size; k += 1) {
      let row = 0, column = 0;
      for (let j = 0; j < size; j += 1) { row += sum[k * size + j]; column += sum[j * size + k]; }
      const hits = sum[k * size + k], whole = row + column - hits;
      overlap.push(whole > 0 ? hits / whole : NaN);
      right += hits; all += row;
    }
    figures.miou[r] = meanOfDefined(overlap); figures.miou_foreground[r] = meanOfDefined(overlap.slice(1)); figures.pixel_accuracy[r] = all > 0 ? right / all : NaN;
  }
  return figures;
}

function meanOfDefined(values) {
  const defined = values.filter((value) => !Number.isNaN(value));
  return defined.length ? defined.reduce((a, b) => a + b, 0) / defined.length : NaN;
}

// The q-th quantile of sorted values, linear between neighbours.
function quantile(sorted, q) {
  const at = (sorted.length - 1) * q, low = Math.floor(at), high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

function percentileInterval(samples, level) {
  const sorted = samples.filter((value) => !Number.isNaN(value)).sort();
  return sorted.length ? [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)] : null;
}

// The figures of an input in every weighting, mean over seeds: first the whole set, then the draws.
async function recompute(task, input, draws, objects) {
  const seeds = [];
  for (const own of task.counts.inputs[input]) seeds.push(objects ? await precisionFigures(task.counts, own, objects, draws) : await overlapFigures(task.counts, own, draws));
  return Object.fromEntries(Object.keys(task.titles).map((metric) => [metric, { seeds: seeds.map((own) => own[metric][0]),
    samples: Float64Array.from({ length: draws.rows }, (_, r) => meanOfDefined(seeds.map((own) => own[metric][r]))) }]));
}

function compareRow(row, a, b, level) {
  const samples = a.samples.map((value, r) => value - b.samples[r]), interval = percentileInterval(samples.subarray(1), level);
  const seeds = a.seeds.map((value, k) => value - b.seeds[k]);
  const evidence = (interval[0] > 0 && seeds.every((d) => d > 0)) || (interval[1] < 0 && seeds.every((d) => d < 0));
  return { difference: samples[0], interval, evidence };
}

async function recheckTask(name, task, progress) {
  const bootstrap = task.result.protocol.bootstrap, draws = await weightings(task.counts.draws);
  const objects = task.counts.objects ? await unpack(task.counts.objects) : null, again = {}, found = { compared: 0, verdicts: 0, largest: 0, wrong: [] };
  const hold = (what, mine, said) => {
    const off = mine === null || said === null ? (mine === said || (said === null && Number.isNaN(mine)) ? 0 : Infinity) : Math.abs(mine - said);
    found.compared += 1; found.largest = Math.max(found.largest, off);
    if (!(off <= TOLERANCE)) found.wrong.push(`${name}, ${what}: ${mine} here, ${said} in the results`);
  };
  for (const input of Object.keys(task.result.inputs)) {
    progress(`${capital(name)}: ${input}`);
    await new Promise((done) => setTimeout(done));
    again[input] = await recompute(task, input, draws, objects);
    for (const metric of Object.keys(task.titles)) {
      const own = again[input][metric], entry = task.result.inputs[input], interval = percentileInterval(own.samples.subarray(1), bootstrap.level), said = entry.interval[metric];
      hold(`${input} ${metric}`, own.samples[0], entry[metric]);
      if (said) [0, 1].forEach((end) => hold(`${input} ${metric}, interval`, interval[end], said[end]));
    }
  }
  for (const row of task.result.differences.filter((own) => task.titles[own.metric])) {
    const mine = compareRow(row, again[row.input][row.metric], again[row.against][row.metric], bootstrap.level), what = `${row.input} against ${row.against}, ${row.metric}`;
    hold(what, mine.difference, row.difference);
    [0, 1].forEach((end) => hold(`${what}, interval`, mine.interval[end], row.interval[end]));
    found.verdicts += 1;
    if (mine.evidence !== row.evidence) found.wrong.push(`${name}, ${what}: evidence ${mine.evidence} here, ${row.evidence} in the results`);
  }
  return found;
}

function recheckPart(results) {
  const tasks = Object.entries(results.tasks).filter(([, task]) => task.counts);
  if (!tasks.length) return null;
  const outcome = h("div", { id: "recheck-outcome", role: "status" }), button = h("button", { type: "button", id: "recheck-run" }, "Compute the table again");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try { outcome.replaceChildren(...recheckWords(await recheckAll(tasks, (text) => outcome.replaceChildren(h("p", {}, `${text} …`))))); }
    catch (error) { outcome.replaceChildren(h("p", { class: "notice" }, `This browser could not: ${error.message}`)); }
    button.disabled = false;
  });
  return part("recheck", "Check it yourself", h("p", {}, "This page holds what was counted in each picture and the pictures of each draw. From these your browser computes the figures, their intervals and the verdicts anew, and holds them against those shown above."),
    h("div", { class: "tools" }, button), outcome);
}

async function recheckAll(tasks, progress) {
  const found = [];
  for (const [name, task] of tasks) found.push(await recheckTask(name, task, progress));
  return { compared: found.reduce((n, own) => n + own.compared, 0), verdicts: found.reduce((n, own) => n + own.verdicts, 0),
    largest: Math.max(...found.map((own) => own.largest)), wrong: found.flatMap((own) => own.wrong) };
}

function recheckWords({ compared, verdicts, largest, wrong }) {
  const head = wrong.length ? `${plural(wrong.length, "number")} of ${compared + verdicts} differ.` : `All ${compared.toLocaleString("en")} numbers and ${verdicts} verdicts are the same; the largest difference is ${largest.toExponential(1)}.`;
  return [h("p", { class: wrong.length ? "notice" : "said better", "data-wrong": wrong.length, "data-largest": largest, "data-compared": compared }, head), wrong.length > 0 && h("ul", {}, wrong.slice(0, 20).map((text) => h("li", {}, text)))].filter(Boolean);
}

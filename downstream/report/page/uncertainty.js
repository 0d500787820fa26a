// How far figures and their differences could be chance: the same rules as in docs/statistics.md, by this browser.

const LEVEL = 0.95,
  ALONE = 1.959963984540054,
  NOTHING = 1e-12;
const sum = (values) => values.reduce((a, b) => a + b, 0);

// The q-th quantile of sorted values, linear between neighbours.
function quantile(sorted, q) {
  const at = (sorted.length - 1) * q,
    low = Math.floor(at),
    high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

// The share of a standard normal that lies within x of its middle: a series without cancellation.
function within(x) {
  const half = (x * x) / 2;
  let term = x,
    total = x;
  for (let n = 1; term > total * 1e-17 && n < 500; n += 1) {
    term *= (x * x) / (2 * n + 1);
    total += term;
  }
  return Math.sqrt(2 / Math.PI) * Math.exp(-half) * total;
}

// The quantile of Student's t above and below which (1 - share) / 2 lie, by adding up its density over the angle.
const KNOWN_QUANTILES = new Map();
function studentQuantile(share, freedom) {
  const name = `${share} ${freedom}`;
  if (!KNOWN_QUANTILES.has(name))
    KNOWN_QUANTILES.set(name, freedom > 10000 ? normalQuantile(share) : angleQuantile(share, freedom));
  return KNOWN_QUANTILES.get(name);
}

function angleQuantile(share, freedom) {
  const step = Math.min(Math.PI / 2, 12 / Math.sqrt(freedom)) / 20000,
    mass = new Float64Array(20001);
  let before = 1;
  for (let k = 1; k <= 20000; k += 1) {
    const density = Math.cos(k * step) ** (freedom - 1);
    mass[k] = mass[k - 1] + density + before;
    before = density;
  }
  const wanted = share * mass[20000];
  let k = 1;
  while (k < 20000 && mass[k] < wanted) k += 1;
  return Math.sqrt(freedom) * Math.tan((k - 1 + (wanted - mass[k - 1]) / (mass[k] - mass[k - 1])) * step);
}

function normalQuantile(share) {
  let low = 0,
    high = 40;
  for (let n = 0; n < 80; n += 1) {
    const middle = (low + high) / 2;
    if (within(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const seedVariance = (seeds) => {
  const known = seeds.filter((v) => !Number.isNaN(v)),
    mean = sum(known) / known.length;
  return known.length > 1 ? sum(known.map((v) => (v - mean) ** 2)) / (known.length - 1) / known.length : 0;
};

// What training alone does to the mean over seeds in each draw.
function seedNoise(seeds, noise, resamples) {
  if (seeds.length < 2 || seeds.some(Number.isNaN)) return new Float64Array(resamples);
  const mean = sum(seeds) / seeds.length,
    root = Math.sqrt(seeds.length * (seeds.length - 1));
  return Float64Array.from(
    { length: resamples },
    (_, r) => sum(seeds.map((v, k) => noise[r * seeds.length + k] * (v - mean))) / root,
  );
}

// A figure with what it became in each draw and without each picture, and what a single picture is worth to it.
function estimateOf(perSeed, draws, noise, byObjects) {
  const means = Float64Array.from({ length: draws.rows }, (_, r) => meanOfDefined(perSeed.map((own) => own[r])));
  const seeds = perSeed.map((own) => own[0]);
  const added = seedNoise(seeds, noise, draws.resamples);
  const without = means.subarray(1 + draws.resamples);
  const moved = (most, v) => (Number.isNaN(v) ? most : Math.max(most, Math.abs(v - means[0])));
  const worth = byObjects ? without.reduce(moved, 0) : 0;
  const samples = means.subarray(1, 1 + draws.resamples).map((v, r) => v + added[r]);
  return { value: means[0], samples, without, seeds, bounds: [0, 1], worth, least: 0 };
}

const minus = (a, b) => ({
  value: a.value - b.value,
  samples: a.samples.map((v, r) => v - b.samples[r]),
  without: a.without.map((v, u) => v - b.without[u]),
  seeds: a.seeds.map((v, k) => v - b.seeds[k]),
  bounds: [-Infinity, Infinity],
  worth: 0,
  least: (a.worth + b.worth) / 4,
});

function bestOf(estimates) {
  const known = estimates.filter((e) => !Number.isNaN(e.value));
  const first = known.reduce((a, b) => (b.value > a.value ? b : a));
  const larger = (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b));
  const best = (kind) => first[kind].map((_, r) => known.map((e) => e[kind][r]).reduce(larger));
  return { ...first, samples: best("samples"), without: best("without"), least: 0 };
}

// The jackknife's variance.
function pictureVariance(without) {
  const mean = sum(without) / without.length;
  return ((without.length - 1) / without.length) * without.reduce((total, v) => total + (v - mean) ** 2, 0);
}

// The standard error; null where the figure is not defined without some picture.
function errorOf(estimate) {
  if (Number.isNaN(estimate.value) || estimate.without.length < 2 || estimate.without.some(Number.isNaN)) return null;
  const error = Math.sqrt(pictureVariance(estimate.without) + seedVariance(estimate.seeds));
  return Math.max(error > NOTHING ? error : 0, estimate.least);
}

function freedomOf(estimate) {
  const ofPictures = pictureVariance(estimate.without);
  const ofSeeds = seedVariance(estimate.seeds);
  const units = estimate.without.length - 1;
  const terms = ofPictures ** 2 / units + (ofSeeds ? ofSeeds ** 2 / (estimate.seeds.length - 1) : 0);
  return terms > NOTHING ** 4 ? Math.max((ofPictures + ofSeeds) ** 2 / terms, 1) : units;
}

function intervalOf(estimate, errors) {
  const error = errorOf(estimate);
  if (error === null) return null;
  const half = studentQuantile(errors === ALONE ? LEVEL : within(errors), freedomOf(estimate)) * error;
  return [Math.max(estimate.value - half, estimate.bounds[0]), Math.min(estimate.value + half, estimate.bounds[1])];
}

// How far each draw lies from their mean, in their deviation; null where they do not differ.
function scaled(samples) {
  const defined = samples.filter((v) => !Number.isNaN(v));
  const mean = sum(defined) / defined.length;
  const deviation = Math.sqrt(defined.reduce((total, v) => total + (v - mean) ** 2, 0) / (defined.length - 1));
  return defined.length > 1 && deviation > NOTHING ? samples.map((v) => Math.abs(v - mean) / deviation) : null;
}

// How many standard errors hold all differences at once in 95 % of the draws; never fewer than hold one.
function criticalValue(differences) {
  const each = differences.map((own) => scaled(own.samples)).filter(Boolean);
  if (!each.length) return ALONE;
  const largest = each[0].map((_, r) =>
    each.reduce((most, own) => (Number.isNaN(own[r]) ? most : Math.max(most, own[r])), -1),
  );
  return Math.max(ALONE, quantile(largest.filter((v) => v >= 0).sort(), LEVEL));
}

// What the intervals to both cameras leave together: nothing beats the best camera that does not beat either.
function intervalToBest(differences, errors) {
  const each = differences.map((own) => intervalOf(own, errors)).filter(Boolean);
  return each.length ? [0, 1].map((end) => Math.min(...each.map((own) => own[end]))) : null;
}

function verdictBy(interval, counts, units, seeds) {
  if (units < counts.least_units) return "too few pictures";
  if (counts.trained && seeds === 1) return "one seed";
  return interval[0] <= 0 && interval[1] >= 0 ? "no evidence" : interval[0] > 0 ? "better" : "worse";
}

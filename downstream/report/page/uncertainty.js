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

// A figure with what it became in each draw; and what leaving out one picture is worth to it.
function estimateOf(perSeed, draws, noise) {
  const means = Float64Array.from({ length: draws.rows }, (_, r) => meanOfDefined(perSeed.map((own) => own[r]))),
    seeds = perSeed.map((own) => own[0]);
  const added = seedNoise(seeds, noise, draws.resamples),
    without = means.subarray(1 + draws.resamples);
  const worth = without.reduce((most, v) => (Number.isNaN(v) ? most : Math.max(most, Math.abs(v - means[0]))), 0);
  return {
    value: means[0],
    samples: means.subarray(1, 1 + draws.resamples).map((v, r) => v + added[r]),
    seeds,
    units: draws.units,
    bounds: [0, 1],
    worth,
    least: 0,
  };
}

const minus = (a, b) => ({
  value: a.value - b.value,
  samples: a.samples.map((v, r) => v - b.samples[r]),
  seeds: a.seeds.map((v, k) => v - b.seeds[k]),
  units: a.units,
  bounds: [-Infinity, Infinity],
  worth: 0,
  least: (a.worth + b.worth) / 4,
});

function bestOf(estimates) {
  const known = estimates.filter((e) => !Number.isNaN(e.value)),
    first = known.reduce((a, b) => (b.value > a.value ? b : a));
  const samples = first.samples.map((_, r) =>
    known.map((e) => e.samples[r]).reduce((a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b))),
  );
  return { ...first, samples, worth: 0, least: 0 };
}

function errorOf(estimate) {
  const defined = estimate.samples.filter((v) => !Number.isNaN(v)),
    mean = sum(defined) / defined.length;
  let error =
    defined.length > 1 ? Math.sqrt(defined.reduce((total, v) => total + (v - mean) ** 2, 0) / (defined.length - 1)) : 0;
  error *= Math.sqrt(estimate.units / Math.max(estimate.units - 1, 1));
  return error > NOTHING ? Math.max(error, estimate.least) : estimate.least;
}

function freedomOf(estimate, error) {
  const total = error ** 2,
    ofSeeds = seedVariance(estimate.seeds),
    ofPictures = Math.max(total - ofSeeds, 0);
  const terms =
    ofPictures ** 2 / Math.max(estimate.units - 1, 1) + (ofSeeds ? ofSeeds ** 2 / (estimate.seeds.length - 1) : 0);
  return total > 0 && terms > 0 ? Math.max(total ** 2 / terms, 1) : Infinity;
}

function intervalOf(estimate, errors) {
  const error = errorOf(estimate);
  const half = error
    ? studentQuantile(errors === ALONE ? LEVEL : within(errors), freedomOf(estimate, error)) * error
    : 0;
  return [Math.max(estimate.value - half, estimate.bounds[0]), Math.min(estimate.value + half, estimate.bounds[1])];
}

// How many standard errors hold all differences at once in 95 % of the draws; never fewer than hold one.
function criticalValue(differences) {
  const scaled = differences.map((d) => ({ d, error: errorOf(d) })).filter(({ error }) => error);
  if (!scaled.length) return ALONE;
  const largest = scaled[0].d.samples.map((_, r) =>
    scaled.reduce((most, { d, error }) => {
      const own = Math.abs(d.samples[r] - d.value) / error;
      return Number.isNaN(own) ? most : Math.max(most, own);
    }, 0),
  );
  return Math.max(ALONE, quantile(largest.sort(), LEVEL));
}

function verdictBy(interval, counts, units, seeds) {
  if (units < counts.least_units) return "too few pictures";
  if (counts.trained && seeds === 1) return "one seed";
  return interval[0] <= 0 && interval[1] >= 0 ? "no evidence" : interval[0] > 0 ? "better" : "worse";
}

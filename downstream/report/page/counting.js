// Figures of a task from what was counted in each picture, for any weighting of the pictures.

const TYPES = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float64: Float64Array };

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.deflated), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { shape: packed.shape, values: new TYPES[packed.type](await new Response(stream).arrayBuffer()) };
}

// What pictures count in each weighting: all once, then the draws, then all but those that are always drawn together.
async function weightings(packed) {
  const {
    shape: [resamples, pictures],
    values,
  } = await unpack(packed);
  const columns = Array.from({ length: pictures }, (_, p) =>
    Array.from({ length: resamples }, (_, r) => values[r * pictures + p]).join(),
  );
  const kinds = [...new Set(columns)],
    unit = columns.map((column) => kinds.indexOf(column)),
    rows = 1 + resamples + kinds.length;
  const all = new Uint16Array(rows * pictures).fill(1, 0, pictures);
  all.set(values, pictures);
  kinds.forEach((_, k) =>
    unit.forEach((own, p) => {
      all[(1 + resamples + k) * pictures + p] = own === k ? 0 : 1;
    }),
  );
  return { rows, resamples, pictures, units: kinds.length, all };
}

const EPSILON = 2 ** -52;

// How many of the 101 recalls are reached by so many true detections, for one number of objects.
function recallTable(objects, most) {
  const reached = new Uint8Array(most + 1);
  for (let hits = 0, k = 0; hits <= most; hits += 1) {
    while (k < 101 && (k === 100 ? 1 : k * 0.01) <= hits / Math.max(objects, 1)) k += 1;
    reached[hits] = k;
  }
  return reached;
}

// AP of one class in one weighting at one bit of the hits: the mean over 101 recalls of the best precision there or further on.
function averagePrecision(pictures, hits, bit, weights, reached) {
  let detections = 0,
    found = 0,
    count = 0;
  const precision = averagePrecision.precision,
    upTo = averagePrecision.upTo;
  for (let d = 0; d < pictures.length; d += 1) {
    const weight = weights[pictures[d]];
    detections += weight;
    if (weight && hits[d] & bit) {
      found += weight;
      precision[count] = found / (detections + EPSILON);
      upTo[count] = found;
      count += 1;
    }
  }
  let sum = 0,
    best = 0;
  for (let d = count - 1; d >= 0; d -= 1) {
    best = Math.max(best, precision[d]);
    sum += best * (reached[upTo[d]] - (d ? reached[upTo[d - 1]] : reached[0]) + (d ? 0 : reached[0]));
  }
  return sum / 101;
}

async function precisionFigures(counts, ofSeed, objects, draws) {
  const figures = { map: new Float64Array(draws.rows), map50: new Float64Array(draws.rows) };
  const classes = await Promise.all(
    ofSeed.map(async (own) => ({
      pictures: (await unpack(own.pictures)).values,
      hits: (await unpack(own.hits)).values,
    })),
  );
  const longest = Math.max(0, ...classes.map((own) => own.pictures.length));
  averagePrecision.precision = new Float64Array(longest);
  averagePrecision.upTo = new Uint32Array(longest);
  for (let r = 0; r < draws.rows; r += 1) {
    const weights = draws.all.subarray(r * draws.pictures, (r + 1) * draws.pictures),
      sums = new Float64Array(10);
    let defined = 0;
    for (let k = 0; k < classes.length; k += 1) {
      if (!counts.classes[k].detectable) continue;
      let there = 0;
      for (let p = 0; p < draws.pictures; p += 1) there += weights[p] * objects.values[k * draws.pictures + p];
      if (!there) continue;
      defined += 1;
      const reached = recallTable(there, there);
      for (let t = 0; t < 10; t += 1)
        sums[t] += averagePrecision(classes[k].pictures, classes[k].hits, 1 << t, weights, reached);
    }
    figures.map50[r] = sums[0] / defined;
    figures.map[r] = sums.reduce((a, b) => a + b / defined, 0) / 10;
  }
  return figures;
}

async function overlapFigures(counts, ofSeed, draws) {
  const {
      shape: [, size],
      values,
    } = await unpack(ofSeed),
    cells = size * size;
  const figures = {
    miou: new Float64Array(draws.rows),
    miou_foreground: new Float64Array(draws.rows),
    pixel_accuracy: new Float64Array(draws.rows),
  };
  for (let r = 0; r < draws.rows; r += 1) {
    const sum = new Float64Array(cells);
    for (let p = 0; p < draws.pictures; p += 1) {
      const weight = draws.all[r * draws.pictures + p];
      if (weight) for (let c = 0; c < cells; c += 1) sum[c] += weight * values[p * cells + c];
    }
    const overlap = [];
    let right = 0,
      all = 0;
    for (let k = 0; k < size; k += 1) {
      let row = 0,
        column = 0;
      for (let j = 0; j < size; j += 1) {
        row += sum[k * size + j];
        column += sum[j * size + k];
      }
      const hits = sum[k * size + k],
        whole = row + column - hits;
      overlap.push(whole > 0 ? hits / whole : NaN);
      right += hits;
      all += row;
    }
    figures.miou[r] = meanOfDefined(overlap);
    figures.miou_foreground[r] = meanOfDefined(overlap.slice(1));
    figures.pixel_accuracy[r] = all > 0 ? right / all : NaN;
  }
  return figures;
}

function meanOfDefined(values) {
  const defined = values.filter((value) => !Number.isNaN(value));
  return defined.length ? defined.reduce((a, b) => a + b, 0) / defined.length : NaN;
}

// One picture in one input: the picture, what was detected and segmented in it, seen through a window shared by all.

const HELD = JSON.parse(byId("pictures").textContent);
const MIN_BOX_SCORE = 0.05;

// The page holds small copies of some pictures; larger ones, and the others, lie beside it.
function source(path, full) {
  const small = `pictures/small/${path}`;
  return full || !HELD[small] ? `pictures/large/${path}` : HELD[small];
}

function image(path, full, size, attributes) {
  const drawn = s("image", { width: size[1], height: size[0], preserveAspectRatio: "none", ...attributes });
  drawn.addEventListener("error", () => {
    drawn.closest(".stage").classList.add("without");
    drawn.setAttribute("data-missing", "");
  });
  drawn.setAttribute("href", source(path, full));
  return drawn;
}

// Boxes above a score, told apart by what they are; objects that none of them hits are missed.
function boxesOf(task, input, index, score) {
  const own = (task.boxes[input] || []).filter((box) => box[0] === index && box[6] >= score);
  const found = new Set(own.map((box) => box[7]).filter((k) => k >= 0));
  const missed = task.truth
    .map((object, k) => [object, k])
    .filter(([object, k]) => object[0] === index && !found.has(k))
    .map(([object]) => object);
  return { hit: own.filter((box) => box[7] >= 0), false: own.filter((box) => box[7] < 0), missed };
}

function drawBoxes(task, boxes) {
  return ["missed", "false", "hit"].flatMap((kind) =>
    boxes[kind].map((box) => {
      const place = { x: box[2], y: box[3], width: box[4], height: box[5] };
      const said = `${kind === "hit" ? "" : `${kind} `}${words(task.result.classes[box[1]])}${kind === "missed" ? "" : ` ${box[6].toFixed(2)}`}`;
      return s(
        "g",
        {},
        s("title", {}, said),
        s("rect", { ...place, class: "casing" }),
        s("rect", { ...place, class: `box ${kind}` }),
      );
    }),
  );
}

// The score from which boxes count: the slider's, or the input's own of best F1.
function scoreOf(task, input, state) {
  const own = task.result.inputs[input] && task.result.inputs[input].confidence;
  return Math.max(MIN_BOX_SCORE, state.own && own ? own : state.score);
}

function panelDrawing(results, picture, input, state) {
  const backdrop = results.shown && results.shown.inputs.includes(input) ? input : "visible",
    size = picture.size;
  const layers = [image(`${backdrop}/${picture.name}.webp`, state.full, size)],
    counts = [];
  const masks = (results.shown && results.shown.masks) || [];
  const folder =
    Object.values(results.tasks).reduce((found, own) => found || (own.confusion && own.mask_folder), "") || "";
  if (state.masks && masks.includes(input))
    layers.push(image(`masks/${folder}${input}/${picture.name}.png`, state.full, size, { class: "mask" }));
  if (state.truth && masks.includes("truth"))
    layers.push(image(`masks/truth/${picture.name}.png`, state.full, size, { class: "mask" }));
  for (const task of Object.values(results.tasks).filter((own) => own.boxes && own.boxes[input])) {
    const index = task.names.indexOf(picture.name);
    if (index < 0) continue;
    const boxes = boxesOf(task, input, index, scoreOf(task, input, state));
    if (state.boxes) layers.push(...drawBoxes(task, boxes));
    counts.push(`${boxes.hit.length} hit, ${boxes.false.length} false, ${boxes.missed.length} missed`);
  }
  const drawing = s(
    "svg",
    { role: "img", "aria-label": [`${picture.name} in ${input}`, ...counts].join(": "), "data-size": size.join(" ") },
    layers,
  );
  applyView(drawing);
  return { drawing, counts: counts.join("; ") };
}

// The pictures: which, in what order, and how they are shown.

const GALLERY = { task: "", of: "", order: "name", class: "", group: "", picture: "" };
const SHOW = { boxes: true, masks: false, truth: false, own: false, full: false, score: 0.25, mode: "all", a: "visible", b: "" };
let shownResults = null;

const galleryLink = (wanted) => `#gallery?${new URLSearchParams(Object.entries(wanted).filter(([, value]) => value))}`;

function galleryPart(results) {
  if (!results.shown) return null;
  shownResults = results;
  const tasks = Object.keys(results.tasks), drawn = results.inputs.filter((input) => results.shown.inputs.includes(input));
  Object.assign(GALLERY, { task: tasks[0] || "", of: drawn.includes("dwsfusion") ? "dwsfusion" : drawn[drawn.length - 1], order: tasks.length ? "worst" : "name", class: "", group: "", picture: "" });
  Object.assign(SHOW, { a: "visible", b: GALLERY.of, masks: !tasks.some((name) => results.tasks[name].boxes) });
  return part("gallery", "The pictures", h("p", { class: "soft" }, "Arrow keys turn the pages; + and − zoom, 0 resets, and dragging moves all inputs together."),
    h("div", { id: "choice" }), h("div", { class: "strip", id: "strip", role: "group", "aria-label": "Pictures" }), h("div", { id: "display" }), h("div", { id: "panels" }));
}

// The pictures that are asked for, each with its change against the better camera.
function chosenPictures() {
  const task = shownResults.tasks[GALLERY.task];
  const changes = task && task.changes[GALLERY.of], withClass = task && GALLERY.class && task.pictures_with && task.pictures_with[GALLERY.class];
  const at = new Map(((task && task.names) || []).map((name, k) => [name, k]));
  const list = shownResults.pictures.filter((picture) => !GALLERY.group || picture.groups.includes(GALLERY.group))
    .filter((picture) => !withClass || withClass.includes(at.get(picture.name)))
    .map((picture) => ({ picture, change: changes && at.has(picture.name) ? changes[at.get(picture.name)] : null }));
  const sign = { worst: 1, best: -1 }[GALLERY.order];
  if (sign && changes) list.sort((p, q) => (p.change === null) - (q.change === null) || sign * (p.change - q.change));
  return list;
}

function drawGallery(focus) {
  const list = chosenPictures();
  if (!list.some((item) => item.picture.name === GALLERY.picture)) GALLERY.picture = list.length ? list[0].picture.name : "";
  byId("choice").replaceChildren(choiceTools(list.length));
  byId("strip").replaceChildren(...list.map(stripButton));
  byId("display").replaceChildren(displayTools());
  drawPanels();
  const current = byId("strip").querySelector('[aria-current="true"]');
  if (current) byId("strip").scrollTo({ left: current.offsetLeft - byId("strip").clientWidth / 2 });
  if (focus && current) current.focus({ preventScroll: true });
}

function choose(wanted, focus) {
  Object.assign(GALLERY, wanted);
  drawGallery(focus);
}

function choiceTools(count) {
  const results = shownResults, task = results.tasks[GALLERY.task], groups = [...new Set(results.pictures.flatMap((p) => p.groups))];
  const names = Object.keys(results.tasks).map((name) => [name, capital(name)]), classes = task && task.pictures_with ? Object.keys(task.pictures_with).filter((c) => task.pictures_with[c].length) : [];
  const again = (key) => (value) => { choose({ [key]: value, ...(key === "task" ? { class: "" } : {}) }); byId("choice").querySelector(`[data-key="${key}"] select`).focus(); say(`${chosenPictures().length} pictures`); };
  const keyed = (key, label) => { label.dataset.key = key; return label; };
  return h("div", { class: "tools" }, names.length > 0 && [keyed("order", select("Order", [["worst", "worst first"], ["best", "best first"], ["name", "by name"]], GALLERY.order, again("order"))),
    keyed("of", select("of", (task ? Object.keys(task.changes) : []).map((i) => [i, i]), GALLERY.of, again("of"))), keyed("task", select("in", names, GALLERY.task, again("task")))],
  classes.length > 0 && keyed("class", select("Pictures with", [["", "anything"], ...classes.map((c) => [c, words(c)])], GALLERY.class, again("class"))),
  groups.length > 0 && keyed("group", select("Group", [["", "all"], ...groups.map((g) => [g, words(g)])], GALLERY.group, again("group"))), h("span", { class: "soft", id: "count" }, plural(count, "picture")));
}

function stripButton({ picture, change }) {
  const backdrop = shownResults.shown.inputs.includes(GALLERY.of) ? GALLERY.of : "visible";
  const text = change === null || change === undefined ? picture.name : `${picture.name}  ${change > 0 ? "+" : change < 0 ? "−" : ""}${Number.isInteger(change) ? Math.abs(change) : Math.abs(change).toFixed(3)}`;
  return h("button", { type: "button", "data-name": picture.name, "aria-current": picture.name === GALLERY.picture ? "true" : null, onclick: () => choose({ picture: picture.name }, true) },
    h("img", { src: source(`${backdrop}/${picture.name}.webp`, false), alt: "", loading: HELD[`pictures/small/${backdrop}/${picture.name}.webp`] ? null : "lazy", width: 112, height: 84 }), h("span", {}, text));
}

function displayTools() {
  const tasks = Object.values(shownResults.tasks), boxes = tasks.some((task) => task.boxes), masks = shownResults.shown.masks;
  const set = (key) => (value) => { SHOW[key] = value; drawPanels(); };
  const score = h("output", { id: "score-out" }, SHOW.score.toFixed(2));
  const slider = h("input", { type: "range", id: "score", min: MIN_BOX_SCORE, max: 0.95, step: 0.01, value: SHOW.score, disabled: SHOW.own, oninput: (event) => { SHOW.score = Number(event.target.value); score.textContent = SHOW.score.toFixed(2); drawPanels(); } });
  const own = (value) => { SHOW.own = value; slider.disabled = value; drawPanels(); };
  const mode = (value, text) => h("button", { type: "button", "data-mode": value, "aria-pressed": String(SHOW.mode === value), onclick: () => { SHOW.mode = value; drawGallery(); byId("display").querySelector(`[data-mode="${value}"]`).focus(); } }, text);
  const inputs = shownResults.inputs.map((input) => [input, input]);
  return h("div", { class: "tools" }, h("fieldset", {}, h("legend", {}, "Show"), boxes && check("boxes", SHOW.boxes, set("boxes")), masks.length > 0 && check("masks", SHOW.masks, set("masks")), masks.includes("truth") && check("true masks", SHOW.truth, set("truth")), check("full size, from disk", SHOW.full, set("full"))),
    boxes && h("label", {}, h("span", {}, "Boxes from score ", score), slider), boxes && check("each input's best score", SHOW.own, own),
    h("fieldset", {}, h("legend", {}, "Layout"), mode("all", "Side by side"), mode("two", "Two with a slider")),
    SHOW.mode === "two" && [select("Left", inputs, SHOW.a, set("a")), select("Right", inputs, SHOW.b, set("b"))],
    h("fieldset", {}, h("legend", {}, "Zoom"), [["+", "Zoom in", 0.67], ["−", "Zoom out", 1.5], ["0", "Whole picture", 99]].map(([text, label, factor]) => h("button", { type: "button", "aria-label": label, onclick: () => zoomAt(factor) }, text))),
    h("fieldset", {}, h("legend", {}, "Picture"), [["←", "Previous picture", -1], ["→", "Next picture", 1]].map(([text, label, step]) => h("button", { type: "button", "aria-label": label, onclick: () => turn(step) }, text))));
}

function drawPanels() {
  const picture = shownResults.pictures.find((own) => own.name === GALLERY.picture);
  byId("panels").replaceChildren(...(picture ? [SHOW.mode === "two" ? pairStage(picture) : sideBySide(picture), key()] : [h("p", {}, "No picture is like this.")]));
}

function sideBySide(picture) {
  return h("div", { class: "panels" }, shownResults.inputs.map((input) => {
    const { drawing, counts } = panelDrawing(shownResults, picture, input, SHOW);
    return h("figure", { class: "panel", "data-input": input }, h("figcaption", {}, h("strong", {}, input), h("span", { class: "count" }, counts)), holdStage(h("div", { class: "stage" }, drawing)));
  }));
}

function pairStage(picture) {
  const [left, right] = [SHOW.a, SHOW.b].map((input) => panelDrawing(shownResults, picture, input, SHOW));
  const stage = holdStage(h("div", { class: "stage" }, left.drawing, h("div", { class: "top" }, right.drawing), h("div", { class: "edge" })));
  const slide = h("input", { type: "range", id: "split", min: 0, max: 100, value: 50, "aria-label": `${SHOW.a} to the left of the edge, ${SHOW.b} to its right`, oninput: (event) => stage.style.setProperty("--split", `${event.target.value}%`) });
  return h("figure", { class: "pair panel" }, h("figcaption", {}, h("span", {}, h("strong", {}, SHOW.a), " ", h("span", { class: "count" }, left.counts)), h("span", {}, h("strong", {}, SHOW.b), " ", h("span", { class: "count" }, right.counts))), stage, slide);
}

function key() {
  const sample = (kind) => s("svg", { width: 30, height: 18, "aria-hidden": "true" }, s("rect", { width: 30, height: 18, fill: "#30363d" }), s("rect", { x: 4, y: 4, width: 22, height: 10, class: `box ${kind}` }));
  const boxes = Object.values(shownResults.tasks).some((task) => task.boxes) && SHOW.boxes;
  const masked = Object.values(shownResults.tasks).find((task) => task.confusion), colours = shownResults.shown.colours;
  return h("ul", { class: "key", "aria-label": "Key" }, boxes && [["hit", "hit, IoU 0.5"], ["false", "false"], ["missed", "missed object"]].map(([kind, text]) => h("li", {}, sample(kind), text)),
    masked && (SHOW.masks || SHOW.truth) && masked.result.classes.slice(1).map((name, k) => h("li", {}, h("span", { class: "swatch", style: { background: colours[k + 1] } }), words(name))));
}

function turn(step) {
  const names = chosenPictures().map((item) => item.picture.name), at = names.indexOf(GALLERY.picture) + step;
  if (at < 0 || at >= names.length) return;
  choose({ picture: names[at] }, byId("strip").contains(document.activeElement));
  say(`${names[at]}, ${at + 1} of ${names.length}`);
}

function galleryKeys(event) {
  if (!shownResults || event.altKey || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const box = byId("gallery").getBoundingClientRect();
  if (box.bottom < 0 || box.top > innerHeight || (event.target.closest && event.target.closest(".scroll"))) return;
  const move = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
  if (event.shiftKey && move) moveView(view.x + move[0] * view.size, view.y + move[1] * view.size, view.size);
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") turn(event.key === "ArrowLeft" ? -1 : 1);
  else if (event.key === "+" || event.key === "=") zoomAt(0.67);
  else if (event.key === "-") zoomAt(1.5);
  else if (event.key === "0") zoomAt(99);
  else return;
  event.preventDefault();
}

function followLink() {
  const [name, query] = location.hash.slice(1).split("?");
  if (name !== "gallery" || !query || !shownResults) return;
  const wanted = Object.fromEntries(new URLSearchParams(query)), defaults = { class: "", group: "", picture: "" };
  const safe = Object.fromEntries(Object.entries(wanted).filter(([key]) => key in GALLERY));
  choose({ ...defaults, ...safe, task: shownResults.tasks[safe.task] ? safe.task : GALLERY.task });
  byId("gallery").scrollIntoView();
}

// The pictures: which, in what order, and how they are shown.

const GALLERY = { task: "", of: "", order: "name", class: "", group: "", picture: "" };
const SHOW = {
  boxes: true,
  masks: false,
  truth: false,
  own: false,
  full: false,
  score: 0.25,
  mode: "all",
  a: "visible",
  b: "",
};
let shownResults = null;

const galleryLink = (wanted) => `#gallery?${new URLSearchParams(Object.entries(wanted).filter(([, value]) => value))}`;

function galleryPart(results) {
  if (!results.shown) return null;
  shownResults = results;
  const tasks = Object.keys(results.tasks),
    drawn = results.inputs.filter((input) => results.shown.inputs.includes(input));
  Object.assign(GALLERY, {
    task: tasks[0] || "",
    of: drawn.includes("dwsfusion") ? "dwsfusion" : drawn[drawn.length - 1],
    order: tasks.length ? "worst" : "name",
    class: "",
    group: "",
    picture: "",
  });
  Object.assign(SHOW, { a: "visible", b: GALLERY.of, masks: !tasks.some((name) => results.tasks[name].boxes) });
  return part(
    "gallery",
    "The pictures",
    h(
      "p",
      { class: "soft" },
      "Arrow keys turn the pages; + and − zoom, 0 resets, and dragging moves all inputs together.",
    ),
    h("div", { id: "choice" }),
    h("div", { class: "strip", id: "strip", role: "group", "aria-label": "Pictures" }),
    h("div", { id: "display" }),
    h("div", { id: "panels" }),
  );
}

// The pictures that are asked for, each with its change against the better camera.
function chosenPictures() {
  const task = shownResults.tasks[GALLERY.task];
  const changes = task && task.changes[GALLERY.of],
    withClass = task && GALLERY.class && task.pictures_with && task.pictures_with[GALLERY.class];
  const at = new Map(((task && task.names) || []).map((name, k) => [name, k]));
  const list = shownResults.pictures
    .filter((picture) => !GALLERY.group || picture.groups.includes(GALLERY.group))
    .filter((picture) => !withClass || withClass.includes(at.get(picture.name)))
    .map((picture) => ({ picture, change: changes && at.has(picture.name) ? changes[at.get(picture.name)] : null }));
  const sign = { worst: 1, best: -1 }[GALLERY.order];
  if (sign && changes) list.sort((p, q) => (p.change === null) - (q.change === null) || sign * (p.change - q.change));
  return list;
}

function drawGallery(focus) {
  const list = chosenPictures();
  if (!list.some((item) => item.picture.name === GALLERY.picture))
    GALLERY.picture = list.length ? list[0].picture.name : "";
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

function drawPanels() {
  const picture = shownResults.pictures.find((own) => own.name === GALLERY.picture);
  byId("panels").replaceChildren(
    ...(picture
      ? [SHOW.mode === "two" ? pairStage(picture) : sideBySide(picture), key()]
      : [h("p", {}, "No picture is like this.")]),
  );
}

function sideBySide(picture) {
  return h(
    "div",
    { class: "panels" },
    shownResults.inputs.map((input) => {
      const { drawing, counts } = panelDrawing(shownResults, picture, input, SHOW);
      return h(
        "figure",
        { class: "panel", "data-input": input },
        h("figcaption", {}, h("strong", {}, input), h("span", { class: "count" }, counts)),
        holdStage(h("div", { class: "stage" }, drawing)),
      );
    }),
  );
}

function pairStage(picture) {
  const [left, right] = [SHOW.a, SHOW.b].map((input) => panelDrawing(shownResults, picture, input, SHOW));
  const label = `${SHOW.a} to the left of the edge, ${SHOW.b} to its right`;
  return h(
    "figure",
    { class: "pair panel" },
    h(
      "figcaption",
      {},
      h("span", {}, h("strong", {}, SHOW.a), " ", h("span", { class: "count" }, left.counts)),
      h("span", {}, h("strong", {}, SHOW.b), " ", h("span", { class: "count" }, right.counts)),
    ),
    slidingStage(left.drawing, right.drawing, label),
  );
}

function key() {
  const sample = (kind) =>
    s(
      "svg",
      { width: 30, height: 18, "aria-hidden": "true" },
      s("rect", { width: 30, height: 18, fill: "#30363d" }),
      s("rect", { x: 4, y: 4, width: 22, height: 10, class: `box ${kind}` }),
    );
  const boxes = Object.values(shownResults.tasks).some((task) => task.boxes) && SHOW.boxes;
  const masked = Object.values(shownResults.tasks).find((task) => task.confusion),
    colours = shownResults.shown.colours;
  return h(
    "ul",
    { class: "key", "aria-label": "Key" },
    boxes &&
      [
        ["hit", "hit, IoU 0.5"],
        ["false", "false"],
        ["missed", "missed object"],
      ].map(([kind, text]) => h("li", {}, sample(kind), text)),
    masked &&
      (SHOW.masks || SHOW.truth) &&
      masked.result.classes
        .slice(1)
        .map((name, k) =>
          h("li", {}, h("span", { class: "swatch", style: { background: colours[k + 1] } }), words(name)),
        ),
  );
}

function turn(step) {
  const names = chosenPictures().map((item) => item.picture.name),
    at = names.indexOf(GALLERY.picture) + step;
  if (at < 0 || at >= names.length) return;
  choose({ picture: names[at] }, byId("strip").contains(document.activeElement));
  say(`${names[at]}, ${at + 1} of ${names.length}`);
}

function galleryKeys(event) {
  if (
    !shownResults ||
    event.altKey ||
    event.ctrlKey ||
    event.metaKey ||
    /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)
  )
    return;
  const box = byId("gallery").getBoundingClientRect();
  if (box.bottom < 0 || box.top > innerHeight || (event.target.closest && event.target.closest(".scroll"))) return;
  if (!event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight"))
    turn(event.key === "ArrowLeft" ? -1 : 1);
  else if (!zoomKey(event)) return;
  event.preventDefault();
}

function followLink() {
  const [name, query] = location.hash.slice(1).split("?");
  if (name !== "gallery" || !query || !shownResults) return;
  const wanted = Object.fromEntries(new URLSearchParams(query)),
    defaults = { class: "", group: "", picture: "" };
  const safe = Object.fromEntries(Object.entries(wanted).filter(([key]) => key in GALLERY));
  choose({ ...defaults, ...safe, task: shownResults.tasks[safe.task] ? safe.task : GALLERY.task });
  byId("gallery").scrollIntoView();
}

"use strict";
// What was seen: each view of the pair with boxes and masks, side by side or two under a slider.

const TITLES = { infrared: "Infrared", visible: "Visible", fused: "Fused", late: "Late fusion" };
const SHOW = { boxes: true, masks: true, score: 0.25, mode: "all", a: "visible", b: "fused" };
let seen = null;

const plain = (name) => name.replaceAll("_", " ");
const viewNames = () => ["infrared", "visible", "fused", ...(seen.boxes || seen.masks ? ["late"] : [])];
// Late fusion has no picture of its own: what it sees is drawn on the visible one.
const backdrop = (name) => seen.pictures[name === "late" ? "visible" : name];
const boxesIn = (name) => ((seen.boxes && seen.boxes[name]) || []).filter((box) => box[5] >= SHOW.score);

function countsOf(name) {
  if (!seen.boxes) return "";
  const boxes = boxesIn(name);
  const parts = seen.detector.classes
    .map((own, k) => [own.name, boxes.filter((box) => box[0] === k).length])
    .filter(([, count]) => count);
  return parts.length ? parts.map(([own, count]) => `${count} ${plain(own)}`).join(", ") : "no box";
}

function maskedIn(name) {
  return seen.masks ? `masks of ${seen.masks[name].classes.map(plain).join(", ") || "nothing but background"}` : "";
}

function drawnBox([label, left, top, width, height, score], letter) {
  const own = seen.detector.classes[label],
    place = { x: left, y: top, width, height },
    text = `${plain(own.name)} ${score.toFixed(2)}`;
  // What would leave the picture on the right ends at the box's right side.
  const turned = left + 0.6 * letter * text.length > seen.size[1];
  const at = {
    x: turned ? Math.min(left + width, seen.size[1]) : left,
    y: Math.max(top - letter / 3, letter),
    "text-anchor": turned ? "end" : null,
  };
  return s(
    "g",
    {},
    s("rect", { ...place, class: "casing" }),
    s("rect", { ...place, class: "box found", style: { "--of": own.colour } }),
    s("text", { ...at, class: "tag", style: { "--letter": `${letter}px` } }, text),
  );
}

function drawView(name) {
  const [height, width] = seen.size,
    whole = { width, height, preserveAspectRatio: "none" };
  const layers = [s("image", { ...whole, href: backdrop(name) })];
  if (SHOW.masks && seen.masks) layers.push(s("image", { ...whole, href: seen.masks[name].mask, class: "mask" }));
  if (SHOW.boxes) layers.push(...[...boxesIn(name)].reverse().map((box) => drawnBox(box, Math.max(9, width / 40))));
  const said = [TITLES[name], SHOW.boxes && countsOf(name), SHOW.masks && maskedIn(name)].filter(Boolean).join(": ");
  const drawing = s("svg", { role: "img", "aria-label": said, "data-size": seen.size.join(" ") }, layers);
  applyView(drawing);
  return drawing;
}

function caption(name) {
  return [h("strong", {}, TITLES[name]), " ", h("span", { class: "count" }, SHOW.boxes ? countsOf(name) : "")];
}

function drawViews() {
  byId("views").replaceChildren(SHOW.mode === "two" ? slidingPair() : besideEachOther(), legend());
}

function besideEachOther() {
  return h(
    "div",
    { class: "panels" },
    viewNames().map((name) =>
      h(
        "figure",
        { class: "panel", "data-view": name },
        h("figcaption", {}, caption(name)),
        holdStage(h("div", { class: "stage" }, drawView(name))),
      ),
    ),
  );
}

function slidingPair() {
  const label = `${TITLES[SHOW.a]} to the left of the edge, ${TITLES[SHOW.b]} to its right`;
  return h(
    "figure",
    { class: "pair panel" },
    h("figcaption", {}, h("span", {}, caption(SHOW.a)), h("span", {}, caption(SHOW.b))),
    slidingStage(drawView(SHOW.a), drawView(SHOW.b), label),
  );
}

function legend() {
  const masked = seen.masks ? new Set(viewNames().flatMap((name) => seen.masks[name].classes)) : new Set();
  const entry = (kind) => (own) =>
    h(
      "li",
      {},
      h("span", { class: `swatch ${kind}`, style: { background: own.colour } }),
      `${plain(own.name)}, ${kind}`,
    );
  return h(
    "ul",
    { class: "key", "aria-label": "Colours" },
    SHOW.boxes && seen.detector && seen.detector.classes.map(entry("box")),
    SHOW.masks && seen.masks && seen.segmenter.classes.filter((own) => masked.has(own.name)).map(entry("mask")),
  );
}

function viewTools() {
  const set = (key) => (value) => {
    SHOW[key] = value;
    drawViews();
  };
  const layout = (value, text) =>
    h(
      "button",
      {
        type: "button",
        "data-mode": value,
        "aria-pressed": String(SHOW.mode === value),
        onclick: () => {
          SHOW.mode = value;
          drawResult();
          byId("display").querySelector(`[data-mode="${value}"]`).focus();
        },
      },
      text,
    );
  const views = viewNames().map((name) => [name, TITLES[name]]);
  return h(
    "div",
    { class: "tools", id: "display" },
    h("fieldset", {}, h("legend", {}, "Layout"), layout("all", "Side by side"), layout("two", "Two with a slider")),
    SHOW.mode === "two" && [select("Left", views, SHOW.a, set("a")), select("Right", views, SHOW.b, set("b"))],
    (seen.boxes || seen.masks) &&
      h(
        "fieldset",
        {},
        h("legend", {}, "Show"),
        seen.boxes && check("boxes", SHOW.boxes, set("boxes")),
        seen.masks && check("masks", SHOW.masks, set("masks")),
      ),
    seen.boxes && scoreSlider(set("score")),
    zoomTools(),
    h("button", { type: "button", id: "download", onclick: download }, "Download the fused picture"),
  );
}

function scoreSlider(set) {
  const told = h("output", { id: "score-out" }, SHOW.score.toFixed(2));
  const moved = (event) => {
    told.textContent = Number(event.target.value).toFixed(2);
    set(Number(event.target.value));
  };
  const range = { type: "range", id: "score", min: 0.05, max: 0.95, step: 0.01, value: SHOW.score, oninput: moved };
  return h("label", {}, h("span", {}, "Boxes from score ", told), h("input", range));
}

function download() {
  const bytes = Uint8Array.from(atob(seen.pictures.fused.split(",")[1]), (letter) => letter.charCodeAt(0));
  const link = h("a", { href: URL.createObjectURL(new Blob([bytes], { type: "image/png" })), download: "fused.png" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function drawResult() {
  const [height, width] = seen.size;
  if (!viewNames().includes(SHOW.a)) SHOW.a = "visible";
  if (!viewNames().includes(SHOW.b)) SHOW.b = "fused";
  const who = [seen.detector && `boxes by ${seen.detector.name}`, seen.segmenter && `masks by ${seen.segmenter.name}`];
  const about = [
    `${seen.method}, fused in ${seen.fusion_ms.toFixed(seen.fusion_ms < 100 ? 1 : 0)} ms`,
    `${width} × ${height} pixels`,
  ];
  byId("result").replaceChildren(
    h("h2", {}, seen.name),
    h("p", { class: "soft" }, [...about, ...who.filter(Boolean)].join("; "), "."),
    h(
      "ul",
      { class: "notes soft" },
      seen.notes.map((note) => h("li", {}, note)),
    ),
    viewTools(),
    h("div", { id: "views" }),
  );
  drawViews();
}

function viewKeys(event) {
  if (!seen || event.altKey || event.ctrlKey || event.metaKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (zoomKey(event)) event.preventDefault();
}

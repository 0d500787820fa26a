// Where pictures are looked at: one window for all of them, moved and zoomed together.

// The window on every picture, in shares of its sides: the same part of the scene in all panels.
const view = { x: 0, y: 0, size: 1 };

function moveView(x, y, size) {
  view.size = Math.min(1, Math.max(1 / 16, size));
  view.x = Math.min(1 - view.size, Math.max(0, x));
  view.y = Math.min(1 - view.size, Math.max(0, y));
  for (const drawing of document.querySelectorAll(".stage svg")) applyView(drawing);
}

function applyView(drawing) {
  const [height, width] = drawing.dataset.size.split(" ").map(Number);
  drawing.setAttribute("viewBox", [view.x * width, view.y * height, view.size * width, view.size * height].join(" "));
}

function zoomAt(factor, x = 0.5, y = 0.5) {
  const size = Math.min(1, Math.max(1 / 16, view.size * factor));
  moveView(view.x + x * (view.size - size), view.y + y * (view.size - size), size);
}

// Dragging moves all panels, Ctrl and the wheel or two fingers zoom, a double click goes nearer.
function holdStage(stage) {
  let from = null;
  const inside = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  stage.addEventListener("pointerdown", (event) => {
    if (view.size < 1) {
      from = inside(event);
      stage.setPointerCapture(event.pointerId);
      stage.classList.add("moving");
    }
  });
  stage.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = inside(event);
    moveView(view.x - (to[0] - from[0]) * view.size, view.y - (to[1] - from[1]) * view.size, view.size);
    from = to;
  });
  for (const end of ["pointerup", "pointercancel"])
    stage.addEventListener(end, () => {
      from = null;
      stage.classList.remove("moving");
    });
  stage.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoomAt(event.deltaY < 0 ? 0.8 : 1.25, ...inside(event));
      }
    },
    { passive: false },
  );
  stage.addEventListener("dblclick", (event) => zoomAt(0.5, ...inside(event)));
  return stage;
}

// Two drawings in one place: the left one up to an edge that a slider moves, the right one beyond it.
function slidingStage(left, right, label) {
  const stage = holdStage(
    h("div", { class: "stage" }, left, h("div", { class: "top" }, right), h("div", { class: "edge" })),
  );
  const slide = h("input", {
    type: "range",
    id: "split",
    min: 0,
    max: 100,
    value: 50,
    "aria-label": label,
    oninput: (event) => stage.style.setProperty("--split", `${event.target.value}%`),
  });
  return [stage, slide];
}

function zoomTools() {
  return h(
    "fieldset",
    {},
    h("legend", {}, "Zoom"),
    [
      ["+", "Zoom in", 0.67],
      ["−", "Zoom out", 1.5],
      ["0", "Whole picture", 99],
    ].map(([text, label, factor]) =>
      h("button", { type: "button", "aria-label": label, onclick: () => zoomAt(factor) }, text),
    ),
  );
}

// What a key does to the window; false where it is none of its keys.
function zoomKey(event) {
  const move = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
  if (event.shiftKey && move) moveView(view.x + move[0] * view.size, view.y + move[1] * view.size, view.size);
  else if (event.key === "+" || event.key === "=") zoomAt(0.67);
  else if (event.key === "-") zoomAt(1.5);
  else if (event.key === "0") zoomAt(99);
  else return false;
  return true;
}

// What stands above the pictures: which to choose, and how to show them.

function choiceTools(count) {
  const results = shownResults,
    task = results.tasks[GALLERY.task],
    groups = [...new Set(results.pictures.flatMap((p) => p.groups))];
  const names = Object.keys(results.tasks).map((name) => [name, capital(name)]),
    classes =
      task && task.pictures_with ? Object.keys(task.pictures_with).filter((c) => task.pictures_with[c].length) : [];
  const again = (key) => (value) => {
    choose({ [key]: value, ...(key === "task" ? { class: "" } : {}) });
    byId("choice").querySelector(`[data-key="${key}"] select`).focus();
    say(`${chosenPictures().length} pictures`);
  };
  const keyed = (key, label) => {
    label.dataset.key = key;
    return label;
  };
  return h(
    "div",
    { class: "tools" },
    names.length > 0 && [
      keyed(
        "order",
        select(
          "Order",
          [
            ["worst", "worst first"],
            ["best", "best first"],
            ["name", "by name"],
          ],
          GALLERY.order,
          again("order"),
        ),
      ),
      keyed(
        "of",
        select(
          "of",
          (task ? Object.keys(task.changes) : []).map((i) => [i, i]),
          GALLERY.of,
          again("of"),
        ),
      ),
      keyed("task", select("in", names, GALLERY.task, again("task"))),
    ],
    classes.length > 0 &&
      keyed(
        "class",
        select(
          "Pictures with",
          [["", "anything"], ...classes.map((c) => [c, words(c)])],
          GALLERY.class,
          again("class"),
        ),
      ),
    groups.length > 0 &&
      keyed(
        "group",
        select("Group", [["", "all"], ...groups.map((g) => [g, words(g)])], GALLERY.group, again("group")),
      ),
    h("span", { class: "soft", id: "count" }, plural(count, "picture")),
  );
}

function stripButton({ picture, change }) {
  const backdrop = shownResults.shown.inputs.includes(GALLERY.of) ? GALLERY.of : "visible";
  const text =
    change === null || change === undefined
      ? picture.name
      : `${picture.name}  ${change > 0 ? "+" : change < 0 ? "−" : ""}${Number.isInteger(change) ? Math.abs(change) : Math.abs(change).toFixed(3)}`;
  return h(
    "button",
    {
      type: "button",
      "data-name": picture.name,
      "aria-current": picture.name === GALLERY.picture ? "true" : null,
      onclick: () => choose({ picture: picture.name }, true),
    },
    h("img", {
      src: source(`${backdrop}/${picture.name}.webp`, false),
      alt: "",
      loading: HELD[`pictures/small/${backdrop}/${picture.name}.webp`] ? null : "lazy",
      width: 112,
      height: 84,
    }),
    h("span", {}, text),
  );
}

function displayTools() {
  const tasks = Object.values(shownResults.tasks),
    boxes = tasks.some((task) => task.boxes),
    masks = shownResults.shown.masks;
  const set = (key) => (value) => {
    SHOW[key] = value;
    drawPanels();
  };
  const score = h("output", { id: "score-out" }, SHOW.score.toFixed(2));
  const slider = h("input", {
    type: "range",
    id: "score",
    min: MIN_BOX_SCORE,
    max: 0.95,
    step: 0.01,
    value: SHOW.score,
    disabled: SHOW.own,
    oninput: (event) => {
      SHOW.score = Number(event.target.value);
      score.textContent = SHOW.score.toFixed(2);
      drawPanels();
    },
  });
  const own = (value) => {
    SHOW.own = value;
    slider.disabled = value;
    drawPanels();
  };
  const mode = (value, text) =>
    h(
      "button",
      {
        type: "button",
        "data-mode": value,
        "aria-pressed": String(SHOW.mode === value),
        onclick: () => {
          SHOW.mode = value;
          drawGallery();
          byId("display").querySelector(`[data-mode="${value}"]`).focus();
        },
      },
      text,
    );
  const inputs = shownResults.inputs.map((input) => [input, input]);
  return h(
    "div",
    { class: "tools" },
    h(
      "fieldset",
      {},
      h("legend", {}, "Show"),
      boxes && check("boxes", SHOW.boxes, set("boxes")),
      masks.length > 0 && check("masks", SHOW.masks, set("masks")),
      masks.includes("truth") && check("true masks", SHOW.truth, set("truth")),
      check("full size, from disk", SHOW.full, set("full")),
    ),
    boxes && h("label", {}, h("span", {}, "Boxes from score ", score), slider),
    boxes && check("each input's best score", SHOW.own, own),
    h("fieldset", {}, h("legend", {}, "Layout"), mode("all", "Side by side"), mode("two", "Two with a slider")),
    SHOW.mode === "two" && [select("Left", inputs, SHOW.a, set("a")), select("Right", inputs, SHOW.b, set("b"))],
    zoomTools(),
    h(
      "fieldset",
      {},
      h("legend", {}, "Picture"),
      [
        ["←", "Previous picture", -1],
        ["→", "Next picture", 1],
      ].map(([text, label, step]) =>
        h("button", { type: "button", "aria-label": label, onclick: () => turn(step) }, text),
      ),
    ),
  );
}

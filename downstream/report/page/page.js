// The page: built from the results it holds, or from those of another run.

const PARTS = [
  ["networks", "Networks"],
  ["figures", "Figures"],
  ["changes", "Changes"],
  ["quality", "Quality"],
  ["cost", "Cost"],
  ["training", "Training"],
  ["gallery", "Pictures"],
  ["recheck", "Check"],
  ["protocol", "Protocol"],
];

function heading(results) {
  const data = results.data;
  byId("top").replaceChildren(
    h("h1", {}, "What fusion is worth"),
    h(
      "span",
      { class: "about" },
      `${data.name}, ${data.split}, ${plural(data.pictures, "picture")}, ${plural(results.inputs.length, "input")}`,
    ),
    themeButton(),
  );
  document.title = `What fusion is worth on ${data.name}`;
}

function contents(results) {
  const tasks = Object.keys(results.tasks).map((name) => [name, capital(name)]);
  const all = [...PARTS.slice(0, 2), ...tasks, ...PARTS.slice(2)].filter(([id]) => byId(id));
  byId("contents").replaceChildren(
    h(
      "ul",
      {},
      all.map(([id, title]) => h("li", {}, h("a", { href: `#${id}` }, title))),
    ),
  );
}

function foot() {
  const open = h("input", {
    type: "file",
    accept: ".json,application/json",
    id: "open",
    onchange: (event) => event.target.files[0] && openFile(event.target.files[0]),
  });
  byId("foot").replaceChildren(
    h(
      "p",
      {},
      "Numbers are those of results.json beside this page; tables.md, tables.csv and tables.tex hold the main table.",
    ),
    h("p", { class: "open" }, h("label", { for: "open" }, "Show another run's results.json: "), open),
    h("p", { id: "open-said", role: "status" }),
  );
}

async function openFile(file) {
  try {
    const results = JSON.parse(await file.text());
    if (results.format !== 1 || !results.tasks || !results.data) throw new Error("it is no results.json of format 1");
    build(results);
    byId("open-said").textContent = `This is ${file.name}, ${results.data.name}.`;
    byId("main").focus();
  } catch (error) {
    byId("open-said").textContent = `${file.name} cannot be shown: ${error.message}`;
  }
}

function build(results) {
  heading(results);
  byId("main").replaceChildren(
    ...[
      verdictPart(results),
      networksPart(results),
      mainTable(results),
      ...Object.entries(results.tasks).map(([name, task]) => taskPart(name, task, results)),
      changesPart(results.changes),
      qualityPart(results.quality, results.tasks),
      costPart(results),
      trainingPart(results.training),
      galleryPart(results),
      recheckPart(results),
      protocolPart(results),
    ].filter(Boolean),
  );
  contents(results);
  foot();
  if (byId("gallery")) {
    moveView(0, 0, 1);
    drawGallery();
  }
  followLink();
}

document.addEventListener("keydown", galleryKeys);
addEventListener("hashchange", followLink);
build(JSON.parse(byId("results").textContent));

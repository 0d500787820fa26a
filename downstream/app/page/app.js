// What is asked: two pictures, dropped or chosen, or a sample scene; and the answer, or why there is none.

const SIDES = { infrared: "Infrared picture", visible: "Visible picture" };
const CHOSEN = { infrared: null, visible: null, sample: null, method: "dwsfusion", low: "", high: "" };
let choices = null;
let asked = 0;

function dropZone(side) {
  const input = h("input", {
    type: "file",
    id: side,
    accept: "image/*,.tif,.tiff,.bmp",
    onchange: () => take(side, input.files[0]),
  });
  const zone = h(
    "label",
    { class: "drop", id: `drop-${side}`, for: side },
    h("strong", {}, SIDES[side]),
    h("span", { class: "hint", id: `hint-${side}` }, "Drop it here, or choose a file."),
    input,
  );
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) take(side, event.dataTransfer.files[0]);
  });
  return zone;
}

// A picture for one side; with both there, they are fused at once.
function take(side, file) {
  if (!file) return;
  CHOSEN[side] = file;
  CHOSEN.sample = null;
  drawChosen();
  if (CHOSEN.infrared && CHOSEN.visible) look();
  else say(`${file.name} is the ${side} picture; the other one is missing.`);
}

function drawChosen() {
  for (const side of Object.keys(SIDES)) {
    const file = CHOSEN[side],
      held = new DataTransfer();
    if (file) held.items.add(file);
    byId(side).files = held.files;
    byId(`drop-${side}`).classList.toggle("full", Boolean(file));
    byId(`hint-${side}`).textContent = file
      ? `${Math.max(1, Math.round(file.size / 1024))} kB; drop or choose another to replace it.`
      : "Drop it here, or choose a file.";
  }
  byId("fuse").disabled = !(CHOSEN.sample !== null || (CHOSEN.infrared && CHOSEN.visible));
  byId("swap").disabled = !(CHOSEN.infrared || CHOSEN.visible);
}

function swap() {
  [CHOSEN.infrared, CHOSEN.visible] = [CHOSEN.visible, CHOSEN.infrared];
  CHOSEN.sample = null;
  drawChosen();
  if (CHOSEN.infrared && CHOSEN.visible) look();
}

function sample() {
  Object.assign(CHOSEN, { infrared: null, visible: null, sample: CHOSEN.sample === null ? 0 : CHOSEN.sample + 1 });
  drawChosen();
  look();
}

function again(key) {
  return (value) => {
    CHOSEN[key] = value;
    if (!byId("fuse").disabled) look();
  };
}

function question() {
  const query = new URLSearchParams({ method: CHOSEN.method });
  if (CHOSEN.low !== "" || CHOSEN.high !== "") {
    query.set("low", CHOSEN.low);
    query.set("high", CHOSEN.high);
  }
  if (CHOSEN.sample !== null) query.set("sample", CHOSEN.sample);
  else query.set("infrared", CHOSEN.infrared.size);
  return query;
}

// Asks the server. An answer that a later question has overtaken is dropped.
async function look() {
  const own = ++asked;
  const body = new Blob(CHOSEN.sample === null ? [CHOSEN.infrared, CHOSEN.visible] : [], { type: choices.body_type });
  busy(true);
  try {
    const large = ["infrared", "visible"].find(
      (side) => CHOSEN.sample === null && CHOSEN[side].size > choices.most_bytes,
    );
    if (large) throw new Error(`${large}: at most ${choices.most_bytes >> 20} MiB are taken: save it smaller`);
    const answer = await fetch(`/look?${question()}`, {
      method: "POST",
      body,
      headers: { "Content-Type": choices.body_type },
    });
    const told = await answer.json();
    if (own !== asked) return;
    if (!answer.ok) throw new Error(told.error);
    seen = CHOSEN.sample === null ? { ...told, name: CHOSEN.visible.name } : told;
    moveView(0, 0, 1);
    drawResult();
    problem("");
    byId("result").hidden = false;
    say(
      `Fused: ${seen.name}. ${viewNames()
        .map((name) => [TITLES[name], countsOf(name)].filter(Boolean).join(": "))
        .join("; ")}`,
    );
  } catch (error) {
    if (own === asked)
      problem(error instanceof TypeError ? "The program does not answer: is it still running?" : error.message);
  } finally {
    if (own === asked) busy(false);
  }
}

function problem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = !text;
  if (text) byId("result").hidden = true;
}

function busy(yes) {
  for (const id of ["ask", "result"]) byId(id).setAttribute("aria-busy", String(yes));
  byId("fuse").textContent = yes ? "Working …" : "Fuse";
  if (yes) say("Working.");
}

function countsRange() {
  const end = (key, text, example) =>
    h(
      "label",
      {},
      text,
      h("input", {
        type: "number",
        min: 0,
        max: 65535,
        step: 1,
        value: CHOSEN[key],
        placeholder: example,
        onchange: (event) => again(key)(event.target.value),
      }),
    );
  return h(
    "details",
    { class: "counts" },
    h("summary", {}, "Raw 16-bit infrared"),
    h("p", { class: "soft" }, "The counts that become black and white; without them 0 and 65535."),
    h("div", { class: "tools" }, end("low", "black at", "0"), end("high", "white at", "65535")),
  );
}

async function start() {
  byId("top").append(themeButton());
  choices = await (await fetch("/choices")).json();
  [CHOSEN.low, CHOSEN.high] = choices.ir_range || ["", ""];
  byId("ask").replaceChildren(
    h("div", { class: "drops" }, dropZone("infrared"), dropZone("visible")),
    h(
      "div",
      { class: "tools" },
      select(
        "Method",
        choices.methods.map((own) => [own.name, own.title]),
        CHOSEN.method,
        again("method"),
      ),
      h("button", { type: "button", id: "fuse", class: "main", onclick: look }, "Fuse"),
      h("button", { type: "button", id: "sample", onclick: sample }, "Try a sample scene"),
      h("button", { type: "button", id: "swap", onclick: swap }, "Swap the two"),
    ),
    countsRange(),
  );
  drawChosen();
}

// A picture that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
document.addEventListener("keydown", viewKeys);
start().catch(() => problem("The program does not answer: is it still running?"));

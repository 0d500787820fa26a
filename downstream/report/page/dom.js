"use strict";
// Elements from plain values: text only ever enters as text.

function element(make, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) make.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) make.style.setProperty(key, v);
    else make.setAttribute(name, value === true ? "" : value);
  }
  make.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return make;
}

const h = (name, attributes, ...children) => element(document.createElement(name), attributes, children);
const s = (name, attributes, ...children) =>
  element(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
const byId = (id) => document.getElementById(id);
const say = (text) => {
  byId("said").textContent = text;
};

// A part of the page with a heading; nothing where it has nothing to show.
function part(id, title, ...children) {
  const shown = children.flat(Infinity).filter(Boolean);
  return shown.length
    ? h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), shown)
    : null;
}

function sub(title, ...children) {
  const shown = children.flat(Infinity).filter(Boolean);
  return shown.length ? [h("h3", {}, title), shown] : [];
}

// A table that may be wider than the screen; what it is stands above it and stays in sight.
function table(caption, head, rows, attributes) {
  const lines = Array.isArray(head[0]) ? head : [head];
  return h(
    "div",
    { class: "tabled" },
    h("p", { class: "soft" }, caption),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h(
        "table",
        { "aria-label": caption, ...attributes },
        h(
          "thead",
          {},
          lines.map((line, k) => h("tr", { class: k < lines.length - 1 ? "groups" : null }, line)),
        ),
        h("tbody", {}, rows),
      ),
    ),
  );
}

const th = (text, attributes) => h("th", { scope: "col", ...attributes }, text);
const unseen = (text) => h("span", { class: "unseen" }, text);
const beside = (...blocks) =>
  h(
    "div",
    { class: "beside" },
    blocks.filter((block) => block && block.length !== 0).map((block) => h("div", {}, block)),
  );
const td = (attributes, ...children) => h("td", attributes, ...children);
const select = (label, options, chosen, onchange) =>
  h(
    "label",
    {},
    label,
    h(
      "select",
      { onchange: (event) => onchange(event.target.value) },
      options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
    ),
  );
const check = (label, checked, onchange) =>
  h(
    "label",
    { class: "check" },
    h("input", { type: "checkbox", checked, onchange: (event) => onchange(event.target.checked) }),
    label,
  );

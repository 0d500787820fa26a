// Several networks of a task: what holds over all of them, and which one the rest of the page shows.

// Network to what it saw, where there are several; the page shows one of them as the task itself.
function networksOf(results, name) {
  const own = (results.networks || {})[name];
  if (!own) return null;
  own.all = own.all || { [own.first]: results.tasks[name], ...own.others };
  own.chosen = own.chosen || own.first;
  return own;
}

const byNetwork = (results, name) => {
  const own = networksOf(results, name);
  return own ? ` by ${own.chosen}` : "";
};

function showNetwork(results, name, network) {
  networksOf(results, name).chosen = network;
  build({ ...results, tasks: { ...results.tasks, [name]: results.networks[name].all[network] } });
  byId(`network-${name}`).querySelector("select").focus();
  say(`${capital(name)} is shown as ${network} sees it.`);
}

function networkChoice(results, name) {
  const own = networksOf(results, name);
  const label = select(
    `${capital(name)} below is by`,
    Object.keys(own.all).map((network) => [network, network]),
    own.chosen,
    (network) => showNetwork(results, name, network),
  );
  label.id = `network-${name}`;
  return label;
}

function networksPart(results) {
  const names = Object.keys(results.tasks).filter((name) => networksOf(results, name));
  return part(
    "networks",
    "Over the networks",
    names.length > 0 &&
      h(
        "p",
        { class: "soft" },
        "One network has its own taste. The mean over several has an interval that holds how much they differ, and verdicts go by it.",
      ),
    names.map((name) => overTable(results, name)),
    names.length > 0 &&
      h(
        "div",
        { class: "tools" },
        names.map((name) => networkChoice(results, name)),
      ),
  );
}

function overTable(results, name) {
  const own = networksOf(results, name),
    over = own.over,
    { primary: metric, titles } = results.tasks[name],
    inputs = Object.keys(over.inputs);
  const task = { primary: metric, titles, result: over };
  const others = ["best camera", "max", "late"].filter((other) =>
    over.differences.some((row) => row.against === other && row.metric === metric),
  );
  const figures = [(entry) => entry[metric], ...over.networks.map((n) => (entry) => entry.networks[n][metric])];
  const marks = figures.map((figure) => places(Object.fromEntries(inputs.map((i) => [i, figure(over.inputs[i])]))));
  const row = (input) => {
    const entry = over.inputs[input];
    return h(
      "tr",
      {},
      rowName(input),
      td(
        { class: placed(marks[0][input]) },
        h("span", {}, percent(entry[metric])),
        h("span", { class: "range" }, range(entry.interval[metric])),
      ),
      others.map((other) => verdictCell(difference(task, input, other, metric))),
      over.networks.map((network, k) =>
        td({ class: placed(marks[k + 1][input]) }, h("span", {}, percent(entry.networks[network][metric]))),
      ),
    );
  };
  const head = [th("input"), th(`mean ${titles[metric]}`), ...others.map((other) => th(`against ${other}`))];
  const order = over.orders.changes
    ? "The order of the inputs differs from network to network."
    : "All networks put the inputs in one order.";
  return [
    table(
      `${capital(name)} over ${over.networks.length} networks, per cent`,
      [...head, ...over.networks.map((network) => th(network))],
      inputs.map(row),
      { class: "wide" },
    ),
    h("p", { class: "soft" }, order),
  ];
}

// How numbers and names are written; the same roundings as in the tables beside the page.

// What lies exactly between two roundings goes to the even one, as everywhere in this project.
function fixed(value, digits) {
  const text = value.toFixed(digits),
    rest = Math.abs(value).toFixed(20).split(".")[1].slice(digits);
  if (!/^50*$/.test(rest)) return text;
  const unit = 10 ** -digits,
    low = Math.floor(value / unit);
  return ((low % 2 === 0 ? low : low + 1) * unit).toFixed(digits);
}
const percent = (value, digits = 1) => (value === null || value === undefined ? "–" : fixed(100 * value, digits));
const signed = (value, digits = 1) =>
  (value < 0 || Object.is(value, -0) ? "−" : "+") + fixed(Math.abs(100 * value), digits);
const range = (interval) => (interval ? `[${percent(interval[0])}, ${percent(interval[1])}]` : "");
const signedRange = (interval) =>
  interval ? `[${interval.map((bound) => signed(bound).replace("+", "")).join(", ")}]` : "";
const typeset = (text) => text.replace(/(^|[\s[])-(?=\d)/g, "$1−");
const words = (name) => name.replaceAll("_", " ");
const capital = (name) => words(name).replace(/^./, (letter) => letter.toUpperCase());
const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many || `${one}s`}`;
const known = (values) => values.filter((value) => value !== null && value !== undefined && !Number.isNaN(value));

function quantity(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const steps = [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ];
  const [size, letter] = steps.find(([least]) => value >= least) || [1, ""];
  return `${(value / size).toPrecision(3).replace(/\.?0+$/, (zeros) => (zeros.startsWith(".") ? "" : zeros))} ${letter}`.trim();
}

// Places by what is printed, 1 the best: what looks equal shares a place.
function places(values) {
  const shown = Object.entries(values)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name, Number(percent(value))]);
  const order = [...new Set(shown.map(([, value]) => value))].sort((a, b) => b - a);
  return Object.fromEntries(shown.map(([name, value]) => [name, order.indexOf(value) + 1]));
}
const placed = (place) => (place === 1 ? "best" : place === 2 ? "second" : null);

// The groups of an input's entry are those of its values that count pictures.
const groupsOf = (entries) => [
  ...new Set(
    Object.values(entries).flatMap((entry) =>
      Object.keys(entry).filter(
        (key) => entry[key] && typeof entry[key] === "object" && Number.isInteger(entry[key].images),
      ),
    ),
  ),
];

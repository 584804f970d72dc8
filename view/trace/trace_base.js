// SPDX-License-Identifier: Apache-2.0
// What all parts of the page of a trace use: the data, elements, numbers as text, the tooltip.
"use strict";
const trace = JSON.parse(document.getElementById("trace").textContent);
document.documentElement.classList.add("has-script");

// An element with attributes and children. `on…` attributes are listeners.
function make(space, tag, attributes, children) {
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on"))
      element.addEventListener(name.slice(2), value);
    else
      element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3))
    if (child !== null && child !== undefined) element.append(child);
  return element;
}
const el = (tag, attributes, ...children) => make(null, tag, attributes, children);
const svg = (tag, attributes, ...children) =>
    make("http://www.w3.org/2000/svg", tag, attributes, children);

// A drawing as large as its units, which a reader of screens calls by its label.
const canvas = (width, height, label) => svg(
    "svg", {viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label});

// --- numbers
function digits(x, count = 4) {
  if (x === null || x === undefined) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) return x.toExponential(Math.max(0, count - 2)).replace("e+", "e");
  return String(Number(x.toPrecision(count)));
}
// As many characters from the end of a text as a width in pixels has room for.
const ruler = document.createElement("canvas").getContext("2d");
function endOfText(text, room, font = "11px system-ui, sans-serif") {
  ruler.font = font;
  if (ruler.measureText(text).width <= room) return text;
  let from = 1;
  while (from < text.length && ruler.measureText("…" + text.slice(from)).width > room) ++from;
  return "…" + text.slice(from);
}
function scaled(x, base, units, unit) {
  if (x === null || x === undefined) return "–";
  let i = 0;
  while (Math.abs(x) >= base && i < units.length - 1) {
    x /= base;
    ++i;
  }
  return (x >= 100 || Number.isInteger(x) ? Math.round(x) : x.toPrecision(3)) + " " + units[i] +
      unit;
}
const bytesText = x => scaled(x, 1024, ["", "Ki", "Mi", "Gi", "Ti"], "B");
const flopsText = x => x === 0 ? "0" : scaled(x, 1000, ["", "k", "M", "G", "T", "P"], "FLOP");
const speedText = x => scaled(x, 1000, ["", "k", "M", "G", "T", "P"], "FLOP/s");
const bandText = x => scaled(x, 1000, ["", "k", "M", "G", "T"], "B/s");
function timeText(s) {
  if (s === null || s === undefined) return "–";
  if (s >= 1) return s.toPrecision(3) + " s";
  if (s >= 1e-3) return (s * 1e3).toPrecision(3) + " ms";
  return (s * 1e6).toPrecision(3) + " µs";
}
// The round values from 0 to `most` that cut it in at most `parts`, each with its text. The
// units are [size, name], the largest first.
const kTimeUnits = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const kByteUnits = ["B", "KiB", "MiB", "GiB", "TiB"].map((name, i) => [1024 ** i, name]).reverse();
function roundTicks(most, parts, units) {
  if (!(most > 0)) return [[0, "0"]];
  const [size, name] = units.find(([unit]) => most >= unit) || units[units.length - 1];
  const raw = most / size / parts, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find(factor => raw <= factor * power * 1.0000001);
  const ticks = [];
  for (let i = 0; i * step * size <= most; ++i)
    ticks.push([i * step * size, i ? Number((i * step).toPrecision(6)) + " " + name : "0"]);
  return ticks;
}
const percent = x => x === null || x === undefined ?
    "–" :
    (x >= 0.1 ? Math.round(x * 100) : (x * 100).toPrecision(2)) + " %";
// The measured speeds of the machine are not exact, and caches are faster than its memory.
const roofText = x => x > 1 ? "> 100 %" : percent(x);

// --- ops
const opName = op => op.note ? op.op + "+" + op.note : op.op;
const opTitle = op => (op.module ? op.module + " · " : "") + opName(op);
// A path that a narrow page breaks after its dots.
const breakable = path => path.split(".").flatMap((part, i) => i ? [".", el("wbr"), part] : [part]);
const opSeconds = op => op.f.s + (op.b ? op.b.s : 0);
// Ops of one kind have one colour of the theme.
function colourOf(op) {
  const name = op.op;
  if (/^(linear|matmul|conv2d)$/.test(name)) return "var(--s0)";
  if (/norm|softmax$/.test(name)) return "var(--s3)";
  if (/cross_entropy|mse|^l1$|huber|bce/.test(name)) return "var(--s5)";
  if (/relu|gelu|silu|tanh|sigmoid|dropout/.test(name)) return "var(--s2)";
  if (/pool|^sum$|^mean$|^var$|max|min|top_k/.test(name)) return "var(--s6)";
  if (/reshape|permute|broadcast|narrow|pad|concat|stack|gather|select|embedding/.test(name))
    return "var(--s7)";
  return "var(--s1)";
}
const kColours = [
  ["products", "var(--s0)"], ["normalisation", "var(--s3)"], ["activations", "var(--s2)"],
  ["elementwise", "var(--s1)"], ["reductions, pooling", "var(--s6)"],
  ["moved elements", "var(--s7)"], ["loss", "var(--s5)"]
];
const legend = entries =>
    el("p", {class: "legend"},
       entries.map(
           ([name, colour]) => el("span", {}, el("i", {style: "background:" + colour}), name)));

// The listeners of openOp are set by the list of ops.
const opOpeners = [];
function openOp(index) {
  for (const open of opOpeners) open(index);
}
const opLink = index =>
    el("a", {
      href: "#op" + index,
      onclick: event => {
        event.preventDefault();
        openOp(index);
      }
    },
       opTitle(trace.ops[index]));

// --- the tooltip
const tip = el("div", {class: "tip", role: "status"});
document.body.append(tip);
function showTip(event, ...lines) {
  tip.replaceChildren(...lines.map(line => el("div", {}, line)));
  tip.style.display = "block";
  const box = tip.getBoundingClientRect(), gap = 14;
  const left = Math.min(event.clientX + gap, innerWidth - box.width - 6);
  const below = event.clientY + gap + box.height < innerHeight;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top =
      Math.max(4, below ? event.clientY + gap : event.clientY - gap - box.height) + "px";
}
const hideTip = () => {
  tip.style.display = "none";
};
addEventListener("scroll", hideTip, {passive: true});
const withTip = lines =>
    ({onmousemove: event => showTip(event, ...lines()), onmouseleave: hideTip});

// --- statistics
function histogram(stats, colour, width = 220, height = 54) {
  const most = Math.max(...stats.hist, 1), bar = width / stats.hist.length;
  // The square root lets small bins be seen beside large ones.
  const bars = stats.hist.map((count, i) => count === 0 ? null : svg("rect", {
                                x: i * bar,
                                width: Math.max(0.5, bar - 0.6),
                                fill: colour,
                                y: height - Math.max(1, Math.sqrt(count / most) * height),
                                height: Math.max(1, Math.sqrt(count / most) * height)
                              }));
  const zero = stats.max > stats.min ? -stats.min / (stats.max - stats.min) * width : -1;
  return el(
      "figure", {class: "hist"},
      svg("svg", {
        viewBox: `0 0 ${width} ${height}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": "histogram"
      },
          bars,
          zero > 0 && zero < width ?
              svg("line", {x1: zero, x2: zero, y1: 0, y2: height, class: "zero"}) :
              null),
      el("figcaption", {}, el("span", {}, digits(stats.min, 3)),
         el("span", {}, digits(stats.max, 3))));
}
function statistics(title, stats, colour) {
  if (!stats) return null;
  const line = (name, value) => el("span", {}, el("b", {}, name + " "), value);
  return el(
      "div", {class: "stats"}, el("h4", {}, title),
      stats.hist.length ? histogram(stats, colour) : null,
      el("p", {class: "values"}, line("mean", digits(stats.mean)), line("std", digits(stats.std)),
         line("zeros", percent(stats.zeros)), line("norm", digits(stats.norm)),
         stats.bad ? el("span", {class: "bad"}, stats.bad + " not finite") : null));
}

// Draws into a place, and again when its width has changed. The drawings wait for each other, so
// that the page can be read before the last one is there.
const waiting = [];
function drawn(id, draw) {
  const place = document.getElementById(id);
  if (!place) return;
  let width = 0;
  const again = () => {
    const now = Math.floor(place.clientWidth);
    if (now === width || now === 0) return;
    width = now;
    place.replaceChildren(...[draw(width)].flat());
  };
  waiting.push(() => {
    again();
    new ResizeObserver(() => requestAnimationFrame(again)).observe(place);
  });
  if (waiting.length === 1) setTimeout(drawNext);
}
function drawNext() {
  const next = waiting.shift();
  if (!next) return;
  setTimeout(drawNext);
  next();
}
addEventListener("beforeprint", () => {
  while (waiting.length > 0) waiting.shift()();
});
const picture = (image, label, scale) => el(
    "img",
    {class: "pixels", src: image.uri, alt: label, width: image.w * scale, height: image.h * scale});

// SPDX-License-Identifier: Apache-2.0
// When each op ran, where the time went, and how near each came to what the machine can do.
"use strict";
(() => {
  // --- the step on a time line
  drawn("time", width => {
    const left = width < 520 ? 72 : 80, right = 26, lane = 34, top = 18;
    const rows = ["forward", "backward", "update", "other"], bottom = top + rows.length * lane;
    const height = bottom + 22;
    const x = s => left + s / trace.seconds * (width - left - right);
    const picture = canvas(width, height, "time line of the step");
    for (const [s, text] of roundTicks(trace.seconds, width / 100, kTimeUnits))
      picture.append(
          svg("line", {x1: x(s), x2: x(s), y1: top, y2: bottom, class: "grid"}),
          svg("text", {x: x(s), y: height - 6, class: "soft tick", "text-anchor": "middle"}, text));
    rows.forEach(
        (name, i) => picture.append(
            svg("text", {x: left - 8, y: top + i * lane + 20, "text-anchor": "end", class: "soft"},
                name),
            svg("line", {
              x1: left,
              x2: width - right,
              y1: top + (i + 1) * lane - 3,
              y2: top + (i + 1) * lane - 3,
              class: "grid"
            })));
    const bar = (row, at, seconds, colour, lines, onclick) => picture.append(svg("rect", {
      x: x(at),
      width: Math.max(0.7, x(at + seconds) - x(at)),
      y: top + row * lane + 3,
      height: lane - 8,
      fill: colour,
      class: onclick ? "bar link" : "bar",
      ...withTip(lines),
      onclick
    }));
    trace.ops.forEach((op, index) => {
      const open = () => openOp(index);
      bar(0, op.f.at, op.f.s, colourOf(op), () => [opTitle(op), "forward " + timeText(op.f.s)],
          open);
      if (op.b)
        bar(1, op.b.at, op.b.s, colourOf(op), () => [opTitle(op), "backward " + timeText(op.b.s)],
            open);
    });
    trace.memory.moments.forEach((moment, i) => {
      const next = trace.memory.moments[i + 1], end = next ? next.at : trace.seconds;
      if (moment.op >= 0) return;
      const updates = moment.kind === "update";
      bar(updates ? 2 : 3, moment.at, end - moment.at, updates ? "var(--s4)" : "var(--s7)",
          () =>
              [updates ? "clip, update, statistics" : "batch, loss sum",
               timeText(end - moment.at)]);
    });
    return picture;
  });

  // --- sums by kind of op
  const kinds = new Map();
  for (const op of trace.ops) {
    const kind = kinds.get(op.op) || {op, count: 0, forward: 0, backward: 0, flops: 0};
    kind.count += 1;
    kind.forward += op.f.s;
    kind.backward += op.b ? op.b.s : 0;
    kind.flops += op.f.flops + (op.b ? op.b.flops : 0);
    kinds.set(op.op, kind);
  }
  const sorted =
      [...kinds.values()].sort((a, b) => b.forward + b.backward - a.forward - a.backward);
  const all = sorted.reduce((sum, kind) => sum + kind.forward + kind.backward, 0);
  document.getElementById("kinds").append(
      el("table", {},
      el("tr", {},
         ["op", "calls", "forward", "backward", "FLOPs", "of the ops"].map(
             (text, i) => el("th", {class: i ? "number" : ""}, text))),
      sorted.slice(0, 12).map(
          kind =>
              el("tr", {},
                 el("td", {class: "kind"},
                    el("i", {class: "dot", style: "background:" + colourOf(kind.op)}), kind.op.op),
                 [
                   kind.count, timeText(kind.forward), timeText(kind.backward),
                   flopsText(kind.flops), percent((kind.forward + kind.backward) / all)
                 ].map(text => el("td", {class: "number"}, text))))),
      el("p", {class: "soft"},
         `The ops took ${timeText(all)} of the ${timeText(trace.seconds)} of the step, the update ${
             timeText(trace.update.s)}; the rest is other.`));

  // --- the roofline: log of FLOP/s over log of FLOP per byte
  drawn("roofline", width => {
    const height = Math.min(360, Math.max(240, width * 0.5)), left = 64, bottom = 40, right = 12,
          top = 14;
    const machine = trace.machine, roof = Math.max(machine.flops, machine.compute);
    const points = trace.ops.flatMap(
        (op, index) => [[op.f, "forward"], [op.b, "backward"]]
                           .filter(([p]) => p && p.flops > 0 && p.bytes > 0 && p.s > 0)
                           .map(
                               ([p, name]) =>
                                   ({op, index, name, x: p.flops / p.bytes, y: p.flops / p.s, p})));
    if (!points.length) return el("p", {class: "soft"}, "No op with counted FLOPs.");
    const log = Math.log10, ridge = roof / machine.bytes;
    const xs = [...points.map(p => p.x), ridge], ys = points.map(p => p.y);
    const x0 = Math.floor(log(Math.min(...xs))),
          x1 = Math.max(x0 + 1, Math.ceil(log(Math.max(...xs))));
    const y0 = Math.floor(log(Math.min(...ys))), y1 = log(roof) + 0.25;
    const x = v => left + (log(v) - x0) / (x1 - x0) * (width - left - right);
    const y = v => height - bottom - (log(v) - y0) / (y1 - y0) * (height - bottom - top);
    const picture = canvas(width, height, "roofline of the ops");
    for (let e = x0; e <= x1; ++e)
      picture.append(
          svg("line",
              {x1: x(10 ** e), x2: x(10 ** e), y1: top, y2: height - bottom, class: "grid"}),
          svg("text",
              {
                x: x(10 ** e),
                y: height - bottom + 16,
                "text-anchor": e === x1 ? "end" : "middle",
                class: "soft tick"
              },
              digits(10 ** e, 2)));
    const step = Math.max(1, Math.ceil((y1 - y0) / 8));
    for (let e = y0; e <= y1; e += step)
      picture.append(
          svg("line", {x1: left, x2: width - right, y1: y(10 ** e), y2: y(10 ** e), class: "grid"}),
          svg("text", {x: left - 6, y: y(10 ** e) + 4, "text-anchor": "end", class: "soft tick"},
              speedText(10 ** e).replace("FLOP/s", "")));
    picture.append(
        svg("text", {x: (left + width) / 2, y: height - 6, "text-anchor": "middle", class: "soft"},
            "FLOP per byte"),
        svg("text", {x: left + 5, y: top + 11, class: "soft tick"}, "FLOP/s"));
    const clip = v => Math.max(10 ** y0, v);
    for (const speed of new Set([machine.flops, machine.compute])) {
      const from = Math.max(10 ** x0, clip(10 ** x0 * machine.bytes) / machine.bytes);
      picture.append(svg("path", {
        class: "roofline",
        d: `M${x(from)},${y(from * machine.bytes)} L${x(speed / machine.bytes)},${y(speed)} L${
            width - right},${y(speed)}`
      }));
    }
    for (const p of points)
      picture.append(svg("circle", {
        cx: x(p.x),
        cy: y(clip(p.y)),
        r: 5,
        class: "bar link",
        stroke: colourOf(p.op),
        "stroke-width": 2,
        fill: p.name === "forward" ? colourOf(p.op) : "var(--paper)",
        onclick: () => openOp(p.index),
        ...withTip(
            () =>
                [opTitle(p.op), p.name + ": " + speedText(p.y), digits(p.x, 3) + " FLOP per byte",
                 roofText(p.p.roof) + " of the roof"])
      }));
    return picture;
  });
})();

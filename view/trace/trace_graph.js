// SPDX-License-Identifier: Apache-2.0
// The graph that the tape recorded: one box for each op, in the order of execution, downwards. An
// edge that skips ops runs along the right side.
"use strict";
drawn("graph", width => {
  const shown = trace.ops.map((op, index) => ({op, index})).filter(({op}) => op.batch === 0);
  const rowOf = new Map(shown.map(({index}, row) => [index, row]));
  const pitch = 46, boxHeight = 30, top = 34;
  const small = width < 620, left = small ? 8 : 210,
        boxWidth = Math.min(280, width - left - (small ? 60 : 120));
  const height = top + shown.length * pitch + 8, right = left + boxWidth;
  const y = row => top + row * pitch;

  // Skipping edges get lanes, so that none lies on another.
  const skips = [];
  shown.forEach(({op}, row) => op.in.forEach(input => {
                                      const from = rowOf.get(input.op);
                                      if (from !== undefined && row - from > 1)
                                        skips.push({from, to: row, grad: input.grad});
                                    }));
  // The ops that read the batch. The arrow to one in the first row goes straight down.
  const isBatch = input => input.op < 0 && input.name === "input";
  const readers = shown.filter(({op}) => op.in.some(isBatch));
  const far = readers.map(({index}) => rowOf.get(index)).filter(row => row > 0);
  const batch = {from: -1, to: far[far.length - 1]};
  if (far.length) skips.push(batch);
  skips.sort((a, b) => a.to - a.from - (b.to - b.from));
  const lanes = [];
  for (const skip of skips) {
    let lane = lanes.findIndex(
        taken => taken.every(other => other.to <= skip.from || other.from >= skip.to));
    if (lane < 0) lane = lanes.push([]) - 1;
    lanes[lane].push(skip);
    skip.lane = lane;
  }
  const gap = Math.min(18, (width - right - 14) / Math.max(1, lanes.length));

  const picture = canvas(width, height, "graph of the ops");
  picture.append(
      svg("defs", {},
          ["arrow", "arrowless"].map(
              id =>
                  svg("marker", {
                    id,
                    viewBox: "0 0 8 8",
                    refX: 7,
                    refY: 4,
                    markerWidth: 7,
                    markerHeight: 7,
                    orient: "auto"
                  },
                      svg("path", {
                        d: "M0,0 L8,4 L0,8 z",
                        class: id === "arrow" ? "arrowhead" : "arrowhead soft"
                      })))));
  const edge = (d, grad) => svg("path", {
    d,
    class: grad ? "edge" : "edge constant",
    "marker-end": grad ? "url(#arrow)" : "url(#arrowless)"
  });
  const cut = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;

  // Groups: ops in a row whose modules begin alike.
  const groupOf = op => op.module ?
      op.module.split(".").slice(0, op.module.startsWith("layer") ? 2 : 1).join(".") :
      "";
  for (let row = 0; row < shown.length;) {
    const name = groupOf(shown[row].op);
    let end = row;
    while (end < shown.length && groupOf(shown[end].op) === name) ++end;
    if (name)
      picture.append(svg("rect", {
        x: left - 5,
        y: y(row) - 6,
        width: boxWidth + 10,
        height: (end - row - 1) * pitch + boxHeight + 12,
        rx: 7,
        class: "group"
      }));
    row = end;
  }
  const laneAt = skip => right + 12 + skip.lane * gap;
  const around = (skip, x0, a, b) => {
    const x = laneAt(skip);
    return `M${x0},${a} H${x - 6} Q${x},${a} ${x},${a + 6} V${b - 6} Q${x},${b} ${x - 6},${b} H${
        right + 1}`;
  };
  if (readers.length) {
    const middle = left + boxWidth / 2;
    const text = "batch " + readers[0].op.in.find(isBatch).shape;
    picture.append(
        svg("text", {x: middle, y: top - 20, "text-anchor": "middle", class: "soft"}, text));
    if (readers[0] === shown[0])
      picture.append(edge(`M${middle},${top - 16} V${top - 1}`, false));
    // The arrows lie on each other until they turn, dash on dash.
    const begin = middle + text.length * 3.5 + 8;
    for (const row of far)
      picture.append(edge(around(batch, begin, top - 24, y(row) + 15), false));
  }
  for (const skip of skips)
    if (skip !== batch)
      picture.append(
          edge(around(skip, right, y(skip.from) + boxHeight - 8, y(skip.to) + 9), skip.grad));
  shown.forEach(({op, index}, row) => {
    op.in.forEach(input => {
           if (rowOf.get(input.op) === row - 1 && row > 0)
             picture.append(edge(
                 `M${left + boxWidth / 2},${y(row - 1) + boxHeight} V${y(row) - 1}`, input.grad));
         });
    const parameters = op.in.filter(input => input.op < 0 && input.name !== "input");
    if (!small && parameters.length) {
      const names = parameters.map(input => input.name.replace(op.module + ".", "")).join(", ");
      picture.append(
          svg("text", {x: left - 26, y: y(row) + 19, "text-anchor": "end", class: "parameter"},
              cut(names, 26)),
          edge(`M${left - 22},${y(row) + 15} H${left - 1}`, parameters.some(input => input.grad)));
    }
    const lines = () =>
        [opTitle(op), op.shape + " " + op.dtype,
         ...parameters.map(input => input.name + " " + input.shape)];
    picture.append(svg(
        "g", {class: "link", onclick: () => openOp(index), ...withTip(lines)}, svg("rect", {
          x: left,
          y: y(row),
          width: boxWidth,
          height: boxHeight,
          rx: 5,
          class: "box",
          stroke: colourOf(op)
        }),
        svg("rect", {x: left, y: y(row), width: 5, height: boxHeight, rx: 2, fill: colourOf(op)}),
        svg("text", {x: left + 13, y: y(row) + 19, class: "label"},
            cut(opName(op), boxWidth < 240 ? 15 : 22)),
        svg("text", {x: right - 8, y: y(row) + 19, "text-anchor": "end", class: "soft tick"},
            op.shape)));
  });
  return picture;
});

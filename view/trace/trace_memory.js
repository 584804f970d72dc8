// SPDX-License-Identifier: Apache-2.0
// Memory over the step: what holds how much at each moment, and what is saved until when.
"use strict";
(() => {
  const {moments, tensors, parameters, gradients, state} = trace.memory;
  const lasting = parameters + gradients + state;
  const nameOf = moment => moment.op >= 0 ?
      opTitle(trace.ops[moment.op]) + (moment.kind === "backward" ? ", backward" : "") :
      moment.kind === "update" ? "update" :
                                 "batch, loss sum";
  const kBands = [
    ["parameters", "var(--s0)"], ["gradients", "var(--s1)"], ["optimizer state", "var(--s4)"],
    ["saved for the backward pass", "var(--s3)"], ["in use at the moment", "var(--s7)"]
  ];

  // Sums over the tensors that are alive in each moment.
  const change = moments.map(() => [0, 0]);
  change.push([0, 0]);
  for (const [bytes, , born, died, holders] of tensors) {
    const band = holders.length ? 0 : 1;
    change[born][band] += bytes;
    change[died + 1][band] -= bytes;
  }
  let saved = 0, other = 0;
  const bands = moments.map((moment, i) => {
    saved += change[i][0];
    other += change[i][1];
    // Tensors that one moment frees and makes are not there at once: the peak was counted.
    const there = Math.min(saved + other, Math.max(moment.peak, saved));
    return [parameters, gradients, state, saved, there - saved];
  });
  const total = bands.map(values => values.reduce((a, b) => a + b, 0));
  const peak = total.indexOf(Math.max(...total));
  const held = tensor => {
    const [bytes, of, born, died, holders] = tensor;
    const what = of < 0 && holders.length && moments[born].kind === "prepare" ? "the batch" :
        of >= 0        ? "output of " + opTitle(trace.ops[of]) :
        holders.length ? "kept by " + opTitle(trace.ops[holders[0]]) :
                         "gradient or workspace";
    return bytesText(bytes) + "  " + what +
        (holders.length ? ", until " + nameOf(moments[died]) : "");
  };
  const alive = i =>
      tensors.filter(([, , born, died]) => born <= i && i <= died).sort((a, b) => b[0] - a[0]);

  // The passes, one after the other. What has no op before a forward pass prepares its batch.
  const passes = [];
  moments.forEach((moment, i) => {
    const last = passes[passes.length - 1];
    const kind = moment.kind !== "prepare" ? moment.kind :
        last && last.kind === "forward"    ? last.kind :
                                             "forward";
    if (!last || last.kind !== kind) passes.push({kind, from: i, to: i + 1, batch: -1});
    const pass = passes[passes.length - 1];
    pass.to = i + 1;
    if (moment.op >= 0) pass.batch = trace.ops[moment.op].batch;
  });
  const labelled = passes.filter(pass => pass.batch >= 0);
  const batches = Math.max(0, ...labelled.map(pass => pass.batch)) + 1;
  // The names of the passes below a drawing, and lines between them. Many passes have little room:
  // then the batches are named, or numbered, or some of them.
  function passLabels(x, y, top, bottom, left) {
    const text = (from, to, name) => svg(
        "text", {x: (x(from) + x(to)) / 2, y, "text-anchor": "middle", class: "soft tick"}, name);
    const lines = passes.slice(0, -1).map(
        ({to}) => svg("line", {x1: x(to), x2: x(to), y1: top, y2: bottom, class: "border"}));
    if (batches === 1) return [lines, labelled.map(pass => text(pass.from, pass.to, pass.kind))];
    const room = Math.min(...labelled.map(pass => x(pass.to) - x(pass.from)));
    if (room > 72)
      return [
        lines, labelled.map(pass => text(pass.from, pass.to, pass.kind + " " + (pass.batch + 1)))
      ];
    const spans = [...new Set(labelled.map(pass => pass.batch))].map(batch => {
      const own = labelled.filter(pass => pass.batch === batch);
      return {batch, from: own[0].from, to: own[own.length - 1].to};
    });
    const wide = Math.min(...spans.map(span => x(span.to) - x(span.from)));
    if (wide > 58)
      return [lines, spans.map(span => text(span.from, span.to, "batch " + (span.batch + 1)))];
    const each = Math.ceil(22 / wide);
    return [
      lines, svg("text", {x: left, y, "text-anchor": "end", class: "soft tick"}, "batch"),
      spans.filter((_, i) => i % each === 0)
          .map(span => text(span.from, span.to, String(span.batch + 1)))
    ];
  }

  drawn("memory", width => {
    const left = 72, right = 10, top = 20, bottom = 26,
          height = Math.min(340, Math.max(230, width * 0.42));
    const most = total[peak] * 1.05, count = moments.length;
    const x = i => left + i / count * (width - left - right);
    const y = bytes => height - bottom - bytes / most * (height - top - bottom);
    const picture = canvas(width, height, "memory over the step");
    for (const [bytes, text] of roundTicks(most, 5, kByteUnits))
      picture.append(
          svg("line",
              {x1: left, x2: width - right, y1: y(bytes), y2: y(bytes), class: "grid"}),
          svg("text", {x: left - 6, y: y(bytes) + 4, "text-anchor": "end", class: "soft tick"},
              text));
    let floor = moments.map(() => 0);
    kBands.forEach(([, colour], band) => {
      const roof = floor.map((bytes, i) => bytes + bands[i][band]);
      const up = roof.map((bytes, i) => `L${x(i)},${y(bytes)} H${x(i + 1)}`).join(" ");
      const down = floor.map((bytes, i) => [i, bytes])
                       .reverse()
                       .map(([i, bytes]) => `V${y(bytes)} H${x(i)}`)
                       .join(" ");
      picture.append(
          svg("path", {d: `M${left},${y(floor[0])} ${up} ${down} z`, fill: colour, class: "area"}));
      floor = roof;
    });
    picture.append(...passLabels(x, height - 8, top, height - bottom, left - 6).flat());
    picture.append(
        svg("line", {
          x1: x(peak + 0.5),
          x2: x(peak + 0.5),
          y1: top - 4,
          y2: height - bottom,
          class: "peak"
        }),
        svg("text", {
          x: Math.min(Math.max(x(peak + 0.5), left + 60), width - right - 70),
          y: 12,
          "text-anchor": "middle",
          class: "tick"
        },
            "peak " + bytesText(total[peak])));
    picture.append(svg("rect", {
      x: left,
      y: top,
      width: width - left - right,
      height: height - top - bottom,
      fill: "transparent",
      onmousemove: event => {
        const box = picture.getBoundingClientRect();
        const i = Math.floor(
            ((event.clientX - box.left) * width / box.width - left) / (width - left - right) *
            count);
        if (i < 0 || i >= count) return hideTip();
        const all = alive(i);
        showTip(
            event, el("b", {}, nameOf(moments[i])),
            bytesText(total[i]) + ", of which " + bytesText(lasting) + " lasting",
            ...all.slice(0, 7).map(held), all.length > 7 ? `… and ${all.length - 7} more` : "");
      },
      onmouseleave: hideTip,
      onclick: event => {
        const box = picture.getBoundingClientRect();
        const i = Math.floor(
            ((event.clientX - box.left) * width / box.width - left) / (width - left - right) *
            count);
        if (moments[i] && moments[i].op >= 0) openOp(moments[i].op);
      }
    }));
    return [picture, legend(kBands)];
  });

  // --- what is saved, from its birth to its last use
  const lives = tensors.filter(tensor => tensor[4].length).sort((a, b) => b[0] - a[0]);
  drawn("saved", width => {
    const kMost = 30, rows = lives.slice(0, kMost).sort((a, b) => a[2] - b[2] || b[3] - a[3]);
    if (!rows.length) return el("p", {class: "soft"}, "Nothing is saved.");
    // A narrow page has each name above its bar.
    const small = width < 620, left = small ? 4 : 300, line = small ? 34 : 20,
          height = rows.length * line + 20, count = moments.length;
    const right = small ? 4 : 66, x = i => left + i / count * (width - left - right);
    const most = Math.max(...rows.map(row => row[0]));
    const opOf = ([, of, , , holders]) => of >= 0 ? of : holders[0];
    const names = rows.map(tensor => {
      const kept = tensor[1] >= 0                   ? "" :
          moments[tensor[2]].kind === "prepare" ? "batch for " :
                                                  "kept by ";
      return kept + opTitle(trace.ops[opOf(tensor)]);
    });
    // Several tensors that one op keeps are numbered.
    const texts = names.map((name, row) => {
      const same = names.filter(other => other === name).length;
      const number = names.slice(0, row + 1).filter(other => other === name).length;
      return same > 1 ? `${name}, ${number} of ${same}` : name;
    });
    const picture = canvas(width, height, "lives of saved tensors");
    picture.append(...passLabels(x, height - 3, 0, height - 16, left - 8).flat());
    rows.forEach((tensor, row) => {
      const [bytes, , born, died, holders] = tensor, at = row * line, op = opOf(tensor);
      const text = endOfText(texts[row], small ? width - 70 : left - 12);
      const lines = () =>
          [held(tensor), "held by " + holders.map(holder => opTitle(trace.ops[holder])).join("; ")];
      picture.append(
          svg("g", {class: "link", onclick: () => openOp(op), ...withTip(lines)},
              svg("rect", {x: 0, y: at, width, height: line, fill: "transparent"}),
              svg("text",
                  {
                    x: small ? 2 : left - 8,
                    y: at + 14,
                    "text-anchor": small ? "start" : "end",
                    class: "tick over"
                  },
                  text),
              svg("rect", {
                x: x(born),
                y: at + line - 16,
                width: Math.max(2, x(died + 1) - x(born)),
                height: 12,
                rx: 2,
                fill: colourOf(trace.ops[op]),
                opacity: 0.4 + 0.6 * bytes / most
              }),
              svg("text", {x: width - 2, y: at + 14, "text-anchor": "end", class: "soft tick over"},
                  bytesText(bytes))));
    });
    return lives.length > kMost ?
        [picture, el("p", {class: "soft"}, `The ${kMost} largest of ${lives.length}.`)] :
        picture;
  });
})();

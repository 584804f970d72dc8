// SPDX-License-Identifier: Apache-2.0
// The ops of the step in the tree of modules, and what is known of each.
"use strict";
(() => {
  const place = document.getElementById("ops");
  const total = trace.ops.reduce((sum, op) => sum + opSeconds(op), 0);
  const labels = new Map(trace.modules);
  const savedBytes = op =>
      op.saved.reduce((sum, tensor) => sum + trace.memory.tensors[tensor][0], 0);

  function cells(values, share) {
    return [
      el("span", {class: "share"}, el("i", {style: `width:${(share * 100).toFixed(2)}%`})),
      values.map(([text, name]) => el("span", {class: "cell " + name, title: name}, text))
    ];
  }
  const numbers = (forward, backward, flops, saved, roof) => [
      [timeText(forward), "forward"], [backward === null ? "–" : timeText(backward), "backward"],
      [flopsText(flops), "flops"], [saved ? bytesText(saved) : "–", "saved"], [roof, "roof"]];

  // --- one op
  function pass(title, p) {
    if (!p) return el("tr", {}, el("th", {}, title), el("td", {colspan: 6, class: "soft"}, "none"));
    const speed = p.s > 0 ? p.flops / p.s : null, band = p.s > 0 ? p.bytes / p.s : null;
    return el("tr", {}, el("th", {}, title), [
      timeText(p.s), flopsText(p.flops), bytesText(p.bytes), p.flops ? speedText(speed) : "–",
      p.bytes ? bandText(band) : "–", roofText(p.roof)
    ].map(text => el("td", {class: "number"}, text)));
  }
  function inputs(op) {
    return el(
        "ul", {class: "plain"},
        op.in.map(
                 input =>
                     el("li", {}, input.op >= 0 ? opLink(input.op) : el("code", {}, input.name),
                        " ", el("span", {class: "mono"}, input.shape + " " + input.dtype),
                        input.grad ? null : el("span", {class: "soft"}, " · no gradient"))));
  }
  function tensorText(index, holder) {
    const [bytes, of, born] = trace.memory.tensors[index];
    return [
      bytesText(bytes), " · ",
      of === holder                                     ? "its own output" :
          of >= 0                                       ? ["output of ", opLink(of)] :
          trace.memory.moments[born].kind === "prepare" ? "the batch" :
                                                          "statistics, a mask, an index or a copy"
    ];
  }
  function saved(op, index) {
    if (!op.b)
      return el("p", {class: "soft"}, "No gradient flows through this op, so it keeps nothing.");
    if (!op.saved.length)
      return el("p", {class: "soft"}, "Nothing but parameters, which are there anyway.");
    return el("ul", {class: "plain"}, op.saved.map(tensor => {
      const others = trace.memory.tensors[tensor][4].filter(holder => holder !== index);
      return el(
          "li", {}, tensorText(tensor, index),
          others.length ?
              [
                el("span", {class: "soft"}, " · also held by "),
                others.slice(0, 3).map((holder, i) => [i ? ", " : "", opLink(holder)])
              ] :
              null);
    }));
  }
  function detail(op, index) {
    const formula = trace.formulas[op.op];
    return el(
        "div", {class: "detail"},
        formula ? el("div", {class: "formula"},
                     el("div", {}, el("b", {}, "forward"), el("code", {}, formula.f)),
                     el("div", {}, el("b", {}, "backward"), el("code", {}, formula.b)),
                     el("div", {class: "soft"}, "in full: " + formula.contract)) :
                  null,
        el("div", {class: "columns"},
           el("div", {}, el("h4", {}, "reads"), inputs(op), el("h4", {}, "writes"),
              el("p", {class: "mono"}, op.shape + " " + op.dtype + " · " + bytesText(op.bytes))),
           el("div", {}, el("h4", {}, "keeps for the backward pass"), saved(op, index))),
        el("div", {class: "wide"},
           el("table", {},
              el("tr", {},
                 ["", "time", "FLOPs", "bytes", "speed", "bandwidth", "of the roof"].map(
                     text => el("th", {class: text ? "number" : ""}, text))),
              pass("forward", op.f), pass("backward", op.b))),
        el("div", {class: "columns"}, statistics("output", op.out, "var(--s0)"),
           statistics("gradient of the output", op.grad, "var(--s1)")),
        op.maps ?
            [
              el("h4", {}, "feature maps of the first sample"),
              el("div", {class: "wide"},
                 picture(
                     op.maps, "feature maps of " + opTitle(op),
                     Math.max(1, Math.round(44 / op.maps.h))))
            ] :
            null);
  }
  function row(op, index) {
    const summary =
        el("summary", {class: "row"},
           el("span", {class: "name"}, el("i", {style: "background:" + colourOf(op)}), opName(op),
              el("small", {}, op.shape + (op.batch ? " · batch " + (op.batch + 1) : ""))),
           cells(
               numbers(
                   op.f.s, op.b ? op.b.s : null, op.f.flops + (op.b ? op.b.flops : 0),
                   savedBytes(op), roofText(op.f.roof)),
               opSeconds(op) / total));
    const details = el("details", {class: "op", id: "op" + index}, summary);
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(detail(op, index));
    });
    return details;
  }

  // --- the tree: each module has its ops and modules in the order of execution
  const root = {path: "", children: new Map(), entries: [], ops: []};
  function nodeOf(path) {
    let node = root, full = "";
    for (const part of path ? path.split(".") : []) {
      full = full ? full + "." + part : part;
      if (!node.children.has(part)) {
        const child = {path: full, name: part, children: new Map(), entries: [], ops: []};
        node.children.set(part, child);
        node.entries.push(child);
      }
      node = node.children.get(part);
    }
    return node;
  }
  trace.ops.forEach((op, index) => {
    nodeOf(op.module).entries.push(index);
    let node = root;
    node.ops.push(index);
    for (const part of op.module ? op.module.split(".") : []) {
      node = node.children.get(part);
      node.ops.push(index);
    }
  });
  const parametersBelow = path => trace.update.parameters.reduce(
      (sum, p) => sum + (p.name.startsWith(path + ".") && p.before ? p.before.n : 0), 0);
  function branch(node, depth) {
    // A module with a single op is shown as the op is, with its own name before it.
    const inside = node.entries.map(
        entry =>
            typeof entry === "number" ? row(trace.ops[entry], entry) : branch(entry, depth + 1));
    if (node === root) return inside;
    const sum = of => node.ops.reduce((all, index) => all + of(trace.ops[index]), 0);
    const forward = sum(op => op.f.s), backward = sum(op => op.b ? op.b.s : 0);
    const parameters = parametersBelow(node.path);
    return el(
        "details", {class: "module", open: trace.ops.length <= 40 || depth < 1},
        el("summary", {class: "row"},
           el("span", {class: "name"}, node.name,
              el("small", {},
                 [
                   labels.get(node.path),
                   parameters ? parameters.toLocaleString("en") + " parameters" : ""
                 ].filter(text => text)
                     .join(" · "))),
           cells(
               numbers(
                   forward, backward, sum(op => op.f.flops + (op.b ? op.b.flops : 0)),
                   sum(savedBytes), ""),
               total > 0 ? (forward + backward) / total : 0)),
        el("div", {class: "inside"}, inside));
  }
  place.append(
      el("p", {class: "scripted"},
         el("button", {
           onclick: () => place.querySelectorAll("details.module").forEach(d => {
             d.open = true;
           })
         },
            "unfold all"),
         " ",
         el("button", {
           onclick: () => place.querySelectorAll("details").forEach(d => {
             d.open = false;
           })
         },
            "fold all")),
      legend(kColours),
      el("div", {class: "row head"}, el("span", {class: "name"}, "module and op"),
         cells(
             [
               ["forward", "forward"], ["backward", "backward"], ["FLOPs", "flops"],
               ["saves", "saved"], ["roof", "roof"]
             ],
             0)),
      ...branch(root, 0));

  opOpeners.push(index => {
    const details = document.getElementById("op" + index);
    if (!details) return;
    for (let node = details; node; node = node.parentElement.closest("details")) node.open = true;
    details.scrollIntoView({block: "center"});
    details.classList.remove("found");
    void details.offsetWidth;
    details.classList.add("found");
  });
})();

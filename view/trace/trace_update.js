// SPDX-License-Identifier: Apache-2.0
// The update of each parameter.
"use strict";
(() => {
  const update = trace.update, place = document.getElementById("parameters");
  const kRules = {
    sgd: update.slots.length ? "b ← momentum·b + g;  w ← w − lr·b" : "w ← w − lr·g",
    adam:
        "m ← β₁·m + (1 − β₁)·g;  v ← β₂·v + (1 − β₂)·g²;  w ← w − lr·m̂/(√v̂ + ε), with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)",
    adamw:
        "m ← β₁·m + (1 − β₁)·g;  v ← β₂·v + (1 − β₂)·g²;  w ← w·(1 − lr·decay) − lr·m̂/(√v̂ + ε), with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)"
  };
  const rule = kRules[update.optimizers[0]];
  const facts = [
    el("b", {}, update.optimizers[0]), rule ? [": ", el("code", {}, rule)] : null,
    update.optimizers[0] === "sgd" ? " (g includes the weight decay)" : null
  ];
  place.append(el("p", {}, facts));
  if (!update.applied)
    place.append(
        el("p", {class: "bad"}, "A gradient was not finite, so the step changed nothing."));
  if (update.clip)
    place.append(
        el("p", {},
           `All gradients together have the norm ${digits(update.norm)}; the limit is ${
               digits(update.clip)}`,
           update.factor < 1 ?
               `, so each gradient is multiplied by ${digits(update.factor)} before the update.` :
               ", so they stay as they are."));
  if (update.scale !== 1)
    place.append(
        el("p", {},
           `The loss was multiplied by ${
               update.scale} for the backward pass. The gradients below are divided by it.`));

  const numbers = p => [
      [digits(p.before.norm, 3), "weight"],
      [p.trains && p.grad ? digits(p.grad.norm, 3) : "–", "gradient"],
      [p.trains && p.update ? digits(p.update.norm, 3) : "–", "change"],
      [
        p.trains && p.update && p.before.norm ? percent(p.update.norm / p.before.norm) : "–",
        "ratio"
      ],
      [p.trains ? digits(p.lr, 3) : "frozen", "lr"]];
  const cells = values =>
      values.map(([text, name]) => el("span", {class: "cell " + name, title: name}, text));

  function examples(p) {
    const slots =
        update.slots.length === (p.examples[0] ? p.examples[0].s1.length : 0) ? update.slots : [];
    const full = x => x === null ? "not finite" : String(Number(x.toPrecision(7)));
    return el(
        "div", {class: "wide"},
        el("table", {},
           el("tr", {},
              [
                "element", "before", "gradient", ...slots.flatMap(slot => [slot, "→ after"]),
                "after", "change"
              ].map(text => el("th", {class: "number"}, text))),
           p.examples.map(
               e => el("tr", {}, [
                 String(e.i), full(e.before), full(e.grad),
                 ...slots.flatMap((_, i) => [e.s0.length ? full(e.s0[i]) : "0", full(e.s1[i])]),
                 full(e.after), full(e.after - e.before)
               ].map(text => el("td", {class: "number mono"}, text))))));
  }
  function detail(p) {
    return el(
        "div", {class: "detail"},
        el("div", {class: "columns"}, statistics("before", p.before, "var(--s0)"),
           statistics("gradient", p.grad, "var(--s1)"),
           p.state.map((slot, i) => statistics(update.slots[i] || "state", slot, "var(--s4)")),
           p.trains ?
               [
                 statistics("change", p.update, "var(--s2)"),
                 statistics("after", p.after, "var(--s0)")
               ] :
               null),
        p.examples.length ? [el("h4", {}, "the elements with the largest gradients"), examples(p)] :
                            null);
  }
  place.append(el("div", {class: "row head"}, el("span", {class: "name"}, "parameter"), cells([
                    ["norm", "weight"], ["gradient", "gradient"], ["change", "change"],
                    ["relative", "ratio"], ["lr", "lr"]
                  ])));
  for (const p of update.parameters) {
    const details =
        el("details", {class: "op"},
           el("summary", {class: "row"},
              el("span", {class: "name"}, breakable(p.name), el("small", {}, p.shape)),
              cells(numbers(p))));
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(detail(p));
    });
    place.append(details);
  }

  const pictures = document.getElementById("pictures");
  for (const image of trace.pictures) {
    const scale = Math.max(1, Math.min(12, Math.floor(Math.min(640, innerWidth - 40) / image.w)));
    pictures.append(
        el("figure", {},
           picture(
               image, image.name,
               image.name === "input" ? Math.min(scale, Math.ceil(96 / image.h)) : scale),
           el("figcaption", {},
              image.name === "input" ? "the first sample of the batch" :
                                       image.name + ", after the step")));
  }
})();

// SPDX-License-Identifier: Apache-2.0
// Gives the charts of a report zoom, read-out and legends that switch curves. Without scripts the
// page shows the pictures that are in it.
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("charts").textContent);
  const charts = [], hiddenRuns = new Set();
  let byEpoch = false;

  function numberText(value) {
    if (value === null) return "not finite";
    const size = Math.abs(value);
    if (value !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(3);
    return String(Number(value.toPrecision(5)));
  }

  // Steps become epochs by the ends of epochs, at the pace of the epoch that they lie in.
  function epochOf(ends, step) {
    let from = [0, 0];
    for (let i = 0; i < ends.length; ++i) {
      if (ends[i][0] >= step || i + 1 === ends.length) {
        const steps = ends[i][0] - from[0];
        if (steps <= 0) return ends[i][1];
        return from[1] + (step - from[0]) * (ends[i][1] - from[1]) / steps;
      }
      from = ends[i];
    }
    return 0;
  }
  const epochs = data.runs.map(() => new Map());  // by step, of each run
  function xOf(curve, i) {
    const step = curve.x[i], known = epochs[curve.run];
    if (!byEpoch) return step;
    if (!known.has(step)) known.set(step, epochOf(data.runs[curve.run].ends, step));
    return known.get(step);
  }
  const page = {
    xOf,
    isShown: (chart, k) => !chart.hidden.has(k) && !hiddenRuns.has(chart.data.curves[k].run),
    xLabel: () => byEpoch ? "epoch" : "step"
  };
  function draw(chart) {
    hideReadout(chart);
    chartDrawing.draw(chart, page);
  }

  // ---- read-out ------------------------------------------------------------------------------
  // The point of each shown curve that is nearest to x, if it lies at the place of the nearest.
  function pointsAt(chart, x) {
    const points = [];
    let at = NaN;
    chart.data.curves.forEach((curve, k) => {
      if (!page.isShown(chart, k)) return;
      let best = null;
      for (let i = 0; i < curve.x.length; ++i) {
        const px = chart.place.x(xOf(curve, i));
        if (best === null || Math.abs(px - x) < Math.abs(best.px - x)) best = { curve, i, px };
      }
      if (best === null) return;
      points.push(best);
      if (!(Math.abs(at - x) <= Math.abs(best.px - x))) at = best.px;
    });
    return { at, points: points.filter(point => Math.abs(point.px - at) < 6) };
  }
  function row(text, colour) {
    const line = document.createElement("div");
    if (colour) {
      const key = document.createElement("i");
      key.style.background = colour;
      line.append(key);
    }
    line.append(text);
    return line;
  }
  function showReadout(chart, x) {
    const { at, points } = pointsAt(chart, x), { place, cursor, readout } = chart;
    hideReadout(chart);
    if (points.length === 0) return;
    chartDrawing.add(cursor, "path", {
      d: `M${at} ${place.top}V${place.bottom}`, stroke: "var(--soft)", "stroke-dasharray": "2 2"
    });
    const { curve, i } = points[0], step = curve.x[i];
    const epoch = Number(epochOf(data.runs[curve.run].ends, step).toFixed(2));
    readout.replaceChildren(row(`step ${step} · epoch ${epoch}`));
    for (const point of points) {
      const y = point.curve.y[point.i], colour = point.curve.colour;
      if (chartDrawing.isVisible(chart, y))
        chartDrawing.add(cursor, "circle", { cx: point.px, cy: place.y(y), r: 3.5, fill: colour });
      if (readout.childElementCount <= 12)
        readout.append(row(point.curve.name + ": " + numberText(y), colour));
    }
    if (points.length > 12) readout.append(row(`and ${points.length - 12} more`));
    readout.style.display = "block";
    const width = chart.canvas.clientWidth, room = width - readout.offsetWidth;
    const mark = at * width / chart.svg.viewBox.baseVal.width;
    const left = mark > width / 2 ? mark - readout.offsetWidth - 12 : mark + 12;
    readout.style.left = Math.max(0, Math.min(room, left)) + "px";
  }
  function hideReadout(chart) {
    chart.readout.style.display = "none";
    if (chart.cursor) chart.cursor.replaceChildren();
  }

  // ---- zoom ----------------------------------------------------------------------------------
  function zoomTo(chart, low, high) {
    const [least, most] = chart.whole;
    low = Math.max(least, low);
    high = Math.min(most, high);
    if (high - low < (most - least) * 1e-4) return;
    chart.zoom = low <= least && high >= most ? null : [low, high];
    draw(chart);
  }
  function zoomBy(chart, factor, center) {
    const [low, high] = chart.zoom || chart.whole;
    if (center === undefined) center = (low + high) / 2;
    zoomTo(chart, center - (center - low) * factor, center + (high - center) * factor);
  }
  function showAll(chart) {
    chart.zoom = null;
    draw(chart);
  }
  function move(chart, share) {
    if (!chart.zoom) return;
    const [low, high] = chart.zoom, [least, most] = chart.whole;
    const by = Math.min(most - high, Math.max(least - low, share * (high - low)));
    zoomTo(chart, low + by, high + by);
  }
  function pointerX(chart, event) {
    const box = chart.svg.getBoundingClientRect();
    return (event.clientX - box.left) * chart.svg.viewBox.baseVal.width / box.width;
  }
  function listenToPointer(chart) {
    const { svg } = chart;
    let from = null;
    svg.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      from = pointerX(chart, event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", event => {
      const x = pointerX(chart, event), { top, bottom } = chart.place;
      if (from === null || Math.abs(x - from) < 5) return showReadout(chart, x);
      hideReadout(chart);
      chartDrawing.add(chart.cursor, "rect", {
        x: Math.min(x, from), y: top, width: Math.abs(x - from), height: bottom - top,
        fill: "var(--accent)", opacity: 0.2
      });
    });
    svg.addEventListener("pointerup", event => {
      const begin = from, end = pointerX(chart, event), { valueAt } = chart.place;
      from = null;
      if (begin !== null && Math.abs(end - begin) >= 5)
        zoomTo(chart, valueAt(Math.min(begin, end)), valueAt(Math.max(begin, end)));
    });
    svg.addEventListener("pointercancel", () => { from = null; hideReadout(chart); });
    svg.addEventListener("pointerleave", () => { if (from === null) hideReadout(chart); });
    svg.addEventListener("dblclick", () => showAll(chart));
    // The wheel scrolls the page, unless the chart was clicked or Ctrl is held.
    svg.addEventListener("wheel", event => {
      if (!event.ctrlKey && document.activeElement !== svg) return;
      event.preventDefault();
      zoomBy(chart, event.deltaY > 0 ? 1.25 : 0.8, chart.place.valueAt(pointerX(chart, event)));
    }, { passive: false });
  }
  function listenToKeys(chart) {
    const keys = {
      "+": () => zoomBy(chart, 0.7), "=": () => zoomBy(chart, 0.7),
      "-": () => zoomBy(chart, 1 / 0.7),
      "0": () => showAll(chart), "Escape": () => showAll(chart),
      "ArrowLeft": () => move(chart, -0.2), "ArrowRight": () => move(chart, 0.2)
    };
    chart.svg.addEventListener("keydown", event => {
      if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  // ---- the page ------------------------------------------------------------------------------
  function button(title, act, ...content) {
    const element = document.createElement("button");
    element.type = "button";
    element.title = title;
    element.append(...content);
    element.addEventListener("click", () => act(element));
    return element;
  }
  // A button that says whether `isOn`, and switches it.
  function toggle(title, isOn, change, ...content) {
    const show = element => element.setAttribute("aria-pressed", String(isOn()));
    const element = button(title, () => { change(); show(element); }, ...content);
    show(element);
    return element;
  }
  function flip(set, entry) {
    if (!set.delete(entry)) set.add(entry);
  }
  function makeLegend(chart) {
    for (const entry of chart.figure.querySelectorAll(".legend > span")) {
      const k = Number(entry.dataset.curve);
      entry.replaceWith(toggle("show or hide this curve", () => !chart.hidden.has(k), () => {
        flip(chart.hidden, k);
        draw(chart);
      }, ...entry.childNodes));
    }
  }
  function makeTools(chart) {
    const tools = document.createElement("span");
    tools.className = "tools";
    const switchScale = () => {
      chart.log = !chart.log;
      draw(chart);
    };
    tools.append(
      toggle("logarithmic scale", () => chart.log, switchScale, "log"),
      button("zoom in", () => zoomBy(chart, 0.6), "+"),
      button("zoom out", () => zoomBy(chart, 1 / 0.6), "−"),
      button("show all steps", () => showAll(chart), "all"));
    chart.figure.querySelector("figcaption").append(tools);
  }
  function makeControls() {
    const controls = document.getElementById("controls"), hint = document.createElement("span");
    controls.append(button("the x axis: steps or epochs", element => {
      byEpoch = !byEpoch;
      element.textContent = byEpoch ? "by step" : "by epoch";
      charts.forEach(showAll);
    }, "by epoch"));
    if (data.runs.length > 1)
      data.runs.forEach((run, index) => {
        const swatch = document.createElement("i");
        swatch.className = "swatch";
        swatch.style.background = run.colour;
        const isOn = () => !hiddenRuns.has(index), change = () => {
          flip(hiddenRuns, index);
          charts.forEach(draw);
        };
        controls.append(toggle("show or hide this run", isOn, change, swatch, run.name));
      });
    hint.className = "soft";
    hint.textContent =
      "Drag over a chart to zoom, or click it and turn the wheel; double-click shows all.";
    controls.append(hint);
  }

  document.documentElement.classList.add("has-script");
  data.charts.forEach((each, index) => {
    const figure = document.getElementById("chart-" + index);
    const canvas = figure.querySelector(".canvas"), svg = canvas.querySelector("svg");
    const readout = document.createElement("div");
    readout.className = "readout";
    canvas.append(readout);
    svg.setAttribute("tabindex", "0");
    const chart = {
      index, data: each, figure, canvas, svg, readout, hidden: new Set(), log: each.log, zoom: null
    };
    charts.push(chart);
    makeLegend(chart);
    makeTools(chart);
    draw(chart);
    listenToPointer(chart);
    listenToKeys(chart);
  });
  if (charts.length > 0) makeControls();
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    charts.forEach(draw);
  });
})();

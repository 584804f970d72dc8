// SPDX-License-Identifier: Apache-2.0
// Draws the charts of a report again at the width of the window, with zoom, read-out and legends
// that switch curves. Without this script the page shows the pictures that are in it.
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("charts").textContent);
  const state = { byEpoch: false, hiddenRuns: new Set() };
  const charts = [];

  // ---- numbers -------------------------------------------------------------------------------
  function roundStep(range, most) {
    const raw = range / Math.max(1, most), power = Math.pow(10, Math.floor(Math.log10(raw)));
    for (const factor of [1, 2, 5]) if (raw <= factor * power * 1.0000001) return factor * power;
    return 10 * power;
  }
  function withoutZeros(text) { return text.includes(".") ? text.replace(/\.?0+$/, "") : text; }
  function scientific(value, step) {
    if (value === 0) return "0";
    const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
    const digits = Math.min(6, Math.max(0, exponent - Math.floor(Math.log10(step) + 1e-9)));
    return withoutZeros((value / Math.pow(10, exponent)).toFixed(digits)) + "e" + exponent;
  }
  function tickText(value, step, largest) {
    if (largest >= 1e9 || step < 0.9e-4) return scientific(value, step);
    for (const [size, letter] of [[1e6, "M"], [1e3, "k"]])
      if (largest >= 10 * size && step * 100 >= size)
        return value === 0 ? "0" : withoutZeros((value / size).toFixed(2)) + letter;
    return (value === 0 ? 0 : value).toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  }
  function linearAxis(low, high, most, atTicks) {
    if (high - low < Math.max(Math.abs(low), Math.abs(high)) * 1e-9 || low === high) {
      const room = low === 0 ? 1 : Math.abs(low) * 0.1;
      low -= low === 0 ? 0 : room;
      high += room;
    }
    const step = roundStep(high - low, most), axis = { low, high, log: false, ticks: [], texts: [] };
    if (atTicks) {
      axis.low = Math.floor(low / step + 1e-6) * step;
      axis.high = Math.ceil(high / step - 1e-6) * step;
    }
    const largest = Math.max(Math.abs(axis.low), Math.abs(axis.high));
    for (let at = Math.ceil(axis.low / step - 1e-6); at <= Math.floor(axis.high / step + 1e-6); ++at) {
      axis.ticks.push(at * step);
      axis.texts.push(tickText(at * step, step, largest));
      if (axis.ticks.length > 50) break;
    }
    return axis;
  }
  function logAxis(low, high, most) {
    if (Math.log10(high / low) < 1) {
      let axis = linearAxis(low, high, most, true);
      if (axis.low <= 0) axis = linearAxis(low, high, most, false);
      axis.log = axis.low > 0 && axis.low < axis.high;
      return axis;
    }
    const first = Math.floor(Math.log10(low) + 1e-9), last = Math.ceil(Math.log10(high) - 1e-9);
    const axis = { low: Math.pow(10, first), high: Math.pow(10, last), log: true, ticks: [], texts: [] };
    const stride = Math.max(1, Math.ceil((last - first) / most));
    for (let power = first; power <= last; power += stride) {
      axis.ticks.push(Math.pow(10, power));
      axis.texts.push(power >= -3 && power <= 4 ? withoutZeros(Math.pow(10, power).toFixed(3)) : "1e" + power);
    }
    return axis;
  }
  function shareOf(axis, value) {
    if (!axis.log) return (value - axis.low) / (axis.high - axis.low);
    return Math.log(Math.max(value, axis.low * 1e-3) / axis.low) / Math.log(axis.high / axis.low);
  }
  function numberText(value) {
    if (value === null) return "not finite";
    if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6)) return value.toExponential(3);
    return String(Number(value.toPrecision(5)));
  }
  // Steps become epochs by the ends of epochs, with the pace of the epoch that they lie in.
  function epochOf(ends, step) {
    let from = [0, 0];
    for (let i = 0; i < ends.length; ++i) {
      if (ends[i][0] >= step || i + 1 === ends.length) {
        const span = ends[i][0] - from[0];
        return span > 0 ? from[1] + (step - from[0]) * (ends[i][1] - from[1]) / span : ends[i][1];
      }
      from = ends[i];
    }
    return 0;
  }
  const inEpochs = data.runs.map(run => new Map());
  function xOf(curve, i) {
    if (!state.byEpoch) return curve.x[i];
    const known = inEpochs[curve.run], step = curve.x[i];
    if (!known.has(step)) known.set(step, epochOf(data.runs[curve.run].ends, step));
    return known.get(step);
  }

  // ---- drawing -------------------------------------------------------------------------------
  const kSvg = "http://www.w3.org/2000/svg";  // a name; nothing is loaded
  function add(parent, name, attributes, text) {
    const element = document.createElementNS(kSvg, name);
    for (const key in attributes) {
      if (key === "stroke" || key === "fill") element.style[key] = attributes[key];
      else element.setAttribute(key, attributes[key]);
    }
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  }
  const measure = document.createElement("canvas").getContext("2d");
  function widthOf(text, size) {
    measure.font = size + "px " + getComputedStyle(document.body).fontFamily;
    return measure.measureText(text).width;
  }
  function widest(texts, size) { return texts.reduce((most, text) => Math.max(most, widthOf(text, size)), 0); }

  function isShown(chart, k) {
    const curve = chart.data.curves[k];
    return !chart.hidden.has(k) && !state.hiddenRuns.has(curve.run);
  }
  function visible(chart, y) { return y !== null && (!chart.log || y > 0); }

  function ranges(chart) {
    let x = [Infinity, -Infinity], y = [Infinity, -Infinity];
    chart.data.curves.forEach((curve, k) => {
      if (!isShown(chart, k)) return;
      for (let i = 0; i < curve.x.length; ++i) {
        if (!visible(chart, curve.y[i])) continue;
        const at = xOf(curve, i);
        x = [Math.min(x[0], at), Math.max(x[1], at)];
        if (chart.zoom && (at < chart.zoom[0] || at > chart.zoom[1])) continue;
        y = [Math.min(y[0], curve.y[i]), Math.max(y[1], curve.y[i])];
      }
    });
    if (x[0] > x[1]) x = [0, 1];
    if (y[0] > y[1]) y = chart.log ? [0.1, 1] : [0, 1];
    return { x, y };
  }

  function draw(chart) {
    const width = Math.max(240, chart.canvas.clientWidth), height = Math.round(Math.min(300, Math.max(210, width * 0.5)));
    const size = 12, found = ranges(chart);
    chart.whole = found.x;
    const mostY = Math.min(8, Math.max(2, Math.floor((height - 50) / 34)));
    const yAxis = chart.log ? logAxis(found.y[0], found.y[1], mostY) : linearAxis(found.y[0], found.y[1], mostY, true);
    const left = Math.ceil(widest(yAxis.texts, size)) + 10, right = width - 20, top = 8, bottom = height - 38;
    const [low, high] = chart.zoom || found.x;
    let xAxis;
    for (let most = 8; most >= 1; --most) {
      xAxis = linearAxis(low, high, most, false);
      if ((widest(xAxis.texts, size) + 14) * xAxis.texts.length <= right - left) break;
    }
    const place = { left, right, top, bottom, xAxis, yAxis };
    place.x = at => left + shareOf(xAxis, at) * (right - left);
    place.y = at => bottom - Math.min(1, Math.max(0, shareOf(yAxis, at))) * (bottom - top);
    chart.place = place;

    const svg = chart.svg;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const clip = add(add(svg, "defs", {}), "clipPath", { id: "clip-" + chart.index });
    add(clip, "rect", { x: left - 3, y: top - 4, width: right - left + 6, height: bottom - top + 8 });
    yAxis.ticks.forEach((tick, i) => {
      add(svg, "path", { d: `M${left} ${place.y(tick)}H${right}`, stroke: "var(--line)" });
      add(svg, "text", { x: left - 6, y: place.y(tick) + 4, "font-size": size, "text-anchor": "end", fill: "var(--soft)" }, yAxis.texts[i]);
    });
    xAxis.ticks.forEach((tick, i) => {
      add(svg, "path", { d: `M${place.x(tick)} ${bottom}v4`, stroke: "var(--soft)" });
      add(svg, "text", { x: place.x(tick), y: bottom + 17, "font-size": size, "text-anchor": "middle", fill: "var(--soft)" }, xAxis.texts[i]);
    });
    add(svg, "path", { d: `M${left} ${bottom}H${right}`, stroke: "var(--soft)" });
    add(svg, "text", { x: (left + right) / 2, y: bottom + 33, "font-size": size, "text-anchor": "middle", fill: "var(--ink)" }, state.byEpoch ? "epoch" : "step");
    const curves = add(svg, "g", { "clip-path": `url(#clip-${chart.index})` });
    chart.data.curves.forEach((curve, k) => { if (isShown(chart, k)) drawCurve(chart, curve, curves); });
    chart.cursor = add(svg, "g", {});
  }

  function drawCurve(chart, curve, into) {
    const { place } = chart;
    let path = "", alone = [], begun = false, inView = 0;
    for (let i = 0; i < curve.x.length; ++i) {
      if (!visible(chart, curve.y[i])) { begun = false; continue; }
      const x = place.x(xOf(curve, i)), y = place.y(curve.y[i]);
      path += (begun ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1);
      if (!begun && (i + 1 === curve.x.length || !visible(chart, curve.y[i + 1]))) alone.push([x, y]);
      begun = true;
      if (x >= place.left - 1 && x <= place.right + 1) ++inView;
    }
    const line = { d: path, fill: "none", "stroke-width": 1.7, "stroke-linejoin": "round", stroke: curve.colour };
    if (curve.dashed) line["stroke-dasharray"] = "5 3";
    add(into, "path", line);
    if (inView <= 40)
      alone = curve.x.map((x, i) => visible(chart, curve.y[i]) ? [place.x(xOf(curve, i)), place.y(curve.y[i])] : null).filter(Boolean);
    for (const [x, y] of alone)
      if (x >= place.left - 1 && x <= place.right + 1) add(into, "circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2.1, fill: curve.colour });
  }

  // ---- read-out ------------------------------------------------------------------------------
  function nearest(chart, curve, x) {
    let best = -1, least = Infinity;
    for (let i = 0; i < curve.x.length; ++i) {
      const away = Math.abs(chart.place.x(xOf(curve, i)) - x);
      if (away < least) { least = away; best = i; }
    }
    return best;
  }
  function showReadout(chart, x) {
    const rows = [];
    let at = null;
    chart.data.curves.forEach((curve, k) => {
      if (!isShown(chart, k)) return;
      const i = nearest(chart, curve, x);
      if (i < 0) return;
      const px = chart.place.x(xOf(curve, i));
      if (at === null || Math.abs(px - x) < Math.abs(at - x)) at = px;
      rows.push({ curve, i, px });
    });
    chart.cursor.replaceChildren();
    const near = rows.filter(row => Math.abs(row.px - at) < 6);
    if (near.length === 0) { chart.readout.style.display = "none"; return; }
    add(chart.cursor, "path", { d: `M${at} ${chart.place.top}V${chart.place.bottom}`, stroke: "var(--soft)", "stroke-dasharray": "2 2" });
    for (const row of near)
      if (visible(chart, row.curve.y[row.i]))
        add(chart.cursor, "circle", { cx: row.px, cy: chart.place.y(row.curve.y[row.i]), r: 3.5, fill: row.curve.colour });
    const box = chart.readout;
    box.replaceChildren();
    const first = near[0], head = document.createElement("div");
    const step = first.curve.x[first.i];
    head.textContent = "step " + step + " · epoch " + numberText(Number(epochOf(data.runs[first.curve.run].ends, step).toFixed(2)));
    box.appendChild(head);
    near.slice(0, 12).forEach(row => {
      const line = document.createElement("div"), key = document.createElement("i");
      key.style.background = row.curve.colour;
      line.append(key, row.curve.name + ": " + numberText(row.curve.y[row.i]));
      box.appendChild(line);
    });
    if (near.length > 12) box.append("and " + (near.length - 12) + " more");
    box.style.display = "block";
    const scale = chart.canvas.clientWidth / chart.svg.viewBox.baseVal.width, mark = at * scale;
    const room = chart.canvas.clientWidth - box.offsetWidth;
    box.style.left = Math.max(0, Math.min(room, mark > chart.canvas.clientWidth / 2 ? mark - box.offsetWidth - 12 : mark + 12)) + "px";
  }
  function hideReadout(chart) {
    chart.readout.style.display = "none";
    if (chart.cursor) chart.cursor.replaceChildren();
  }

  // ---- zoom ----------------------------------------------------------------------------------
  function zoomTo(chart, low, high) {
    const [least, most] = chart.whole, smallest = (most - least) * 1e-4;
    low = Math.max(least, low);
    high = Math.min(most, high);
    if (high - low < smallest) return;
    chart.zoom = low <= least && high >= most ? null : [low, high];
    hideReadout(chart);
    draw(chart);
  }
  function zoomBy(chart, factor, center) {
    const [low, high] = chart.zoom || chart.whole;
    if (center === undefined) center = (low + high) / 2;
    zoomTo(chart, center - (center - low) * factor, center + (high - center) * factor);
  }
  function valueAt(chart, px) {
    const { left, right, xAxis } = chart.place;
    return xAxis.low + (px - left) / (right - left) * (xAxis.high - xAxis.low);
  }
  function pointerX(chart, event) {
    const box = chart.svg.getBoundingClientRect();
    return (event.clientX - box.left) * chart.svg.viewBox.baseVal.width / box.width;
  }
  function listen(chart) {
    const { svg } = chart;
    let from = null;
    svg.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      from = pointerX(chart, event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", event => {
      const x = pointerX(chart, event);
      if (from === null || Math.abs(x - from) < 5) { showReadout(chart, x); return; }
      hideReadout(chart);
      add(chart.cursor, "rect", { x: Math.min(x, from), y: chart.place.top, width: Math.abs(x - from), height: chart.place.bottom - chart.place.top, fill: "var(--accent)", opacity: 0.2 });
    });
    svg.addEventListener("pointerup", event => {
      const begin = from, end = pointerX(chart, event);
      from = null;
      if (begin !== null && Math.abs(end - begin) >= 5)
        zoomTo(chart, valueAt(chart, Math.min(begin, end)), valueAt(chart, Math.max(begin, end)));
    });
    svg.addEventListener("pointercancel", () => { from = null; hideReadout(chart); });
    svg.addEventListener("pointerleave", () => { if (from === null) hideReadout(chart); });
    svg.addEventListener("dblclick", () => { chart.zoom = null; draw(chart); });
    // The wheel scrolls the page, unless the chart was clicked or Ctrl is held.
    svg.addEventListener("wheel", event => {
      if (!event.ctrlKey && document.activeElement !== svg) return;
      event.preventDefault();
      zoomBy(chart, event.deltaY > 0 ? 1.25 : 0.8, valueAt(chart, pointerX(chart, event)));
    }, { passive: false });
    svg.addEventListener("keydown", event => {
      const [low, high] = chart.zoom || chart.whole, move = (high - low) * 0.2;
      if (event.key === "+" || event.key === "=") zoomBy(chart, 0.7);
      else if (event.key === "-") zoomBy(chart, 1 / 0.7);
      else if (event.key === "0" || event.key === "Escape") { chart.zoom = null; draw(chart); }
      else if (event.key === "ArrowLeft" && chart.zoom) zoomTo(chart, Math.max(chart.whole[0], low - move), Math.max(chart.whole[0], low - move) + high - low);
      else if (event.key === "ArrowRight" && chart.zoom) zoomTo(chart, Math.min(chart.whole[1], high + move) - (high - low), Math.min(chart.whole[1], high + move));
      else return;
      event.preventDefault();
    });
  }

  // ---- the page ------------------------------------------------------------------------------
  function button(text, title, act) {
    const element = document.createElement("button");
    element.type = "button";
    element.textContent = text;
    element.title = title;
    element.addEventListener("click", () => act(element));
    return element;
  }
  function redraw() { charts.forEach(chart => { hideReadout(chart); draw(chart); }); }

  function makeLegend(chart) {
    for (const entry of chart.figure.querySelectorAll(".legend > span")) {
      const k = Number(entry.dataset.curve), toggle = button("", "show or hide this curve", element => {
        if (chart.hidden.has(k)) chart.hidden.delete(k);
        else chart.hidden.add(k);
        element.setAttribute("aria-pressed", String(!chart.hidden.has(k)));
        draw(chart);
      });
      toggle.setAttribute("aria-pressed", "true");
      toggle.append(...entry.childNodes);
      entry.replaceWith(toggle);
    }
  }
  function makeTools(chart) {
    const tools = document.createElement("span");
    tools.className = "tools";
    const scale = button("log", "logarithmic scale", element => {
      chart.log = !chart.log;
      element.setAttribute("aria-pressed", String(chart.log));
      draw(chart);
    });
    scale.setAttribute("aria-pressed", String(chart.log));
    tools.append(scale, button("+", "zoom in", () => zoomBy(chart, 0.6)), button("−", "zoom out", () => zoomBy(chart, 1 / 0.6)),
      button("all", "show all steps", () => { chart.zoom = null; draw(chart); }));
    chart.figure.querySelector("figcaption").append(tools);
  }
  function makeControls() {
    const controls = document.getElementById("controls");
    const axis = button("by epoch", "the x axis: steps or epochs", element => {
      state.byEpoch = !state.byEpoch;
      element.textContent = state.byEpoch ? "by step" : "by epoch";
      charts.forEach(chart => { chart.zoom = null; });
      redraw();
    });
    controls.append(axis);
    if (data.runs.length > 1)
      data.runs.forEach((run, index) => {
        const toggle = button("", "show or hide this run in all charts", element => {
          if (state.hiddenRuns.has(index)) state.hiddenRuns.delete(index);
          else state.hiddenRuns.add(index);
          element.setAttribute("aria-pressed", String(!state.hiddenRuns.has(index)));
          redraw();
        });
        const swatch = document.createElement("i");
        swatch.className = "swatch";
        swatch.style.background = run.colour;
        toggle.append(swatch, run.name);
        toggle.setAttribute("aria-pressed", "true");
        controls.append(toggle);
      });
    const hint = document.createElement("span");
    hint.className = "soft";
    hint.textContent = "Drag over a chart to zoom, or click it and turn the wheel; double-click shows all.";
    controls.append(hint);
  }

  document.documentElement.classList.add("has-script");
  data.charts.forEach((each, index) => {
    const figure = document.getElementById("chart-" + index), canvas = figure.querySelector(".canvas");
    const svg = canvas.querySelector("svg"), readout = document.createElement("div");
    readout.className = "readout";
    canvas.append(readout);
    svg.setAttribute("tabindex", "0");
    const chart = { index, data: each, figure, canvas, svg, readout, hidden: new Set(), log: each.log, zoom: null };
    charts.push(chart);
    makeLegend(chart);
    makeTools(chart);
    draw(chart);
    listen(chart);
  });
  makeControls();
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    redraw();
  });
})();

// SPDX-License-Identifier: Apache-2.0
// Draws one chart of a report at the width of its place, as view/chart.cpp does for the picture
// that is in the page. A chart is {index, data, canvas, svg, hidden, log, zoom}; drawing it sets
// `whole`, the range of all x, and `place`, which has the axes and where they lie.
"use strict";
const chartDrawing = (function () {
  const kSvg = "http://www.w3.org/2000/svg";  // a name; nothing is loaded
  const kText = 12;                           // pixels

  function add(parent, name, attributes, text) {
    const element = document.createElementNS(kSvg, name);
    for (const key in attributes) {
      // A style takes the variables of the theme, an attribute does not.
      if (key === "stroke" || key === "fill") element.style[key] = attributes[key];
      else element.setAttribute(key, attributes[key]);
    }
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  }
  function addText(svg, x, y, anchor, fill, text) {
    add(svg, "text", { x, y, "font-size": kText, "text-anchor": anchor, fill }, text);
  }
  const ruler = document.createElement("canvas").getContext("2d");
  function widest(texts) {
    ruler.font = kText + "px " + getComputedStyle(document.body).fontFamily;
    return texts.reduce((most, text) => Math.max(most, ruler.measureText(text).width), 0);
  }

  // A value that is not finite is null, and a gap. A logarithm has gaps for values up to 0.
  function isVisible(chart, y) { return y !== null && (!chart.log || y > 0); }

  function ranges(chart, page) {
    let x = [Infinity, -Infinity], y = [Infinity, -Infinity];
    chart.data.curves.forEach((curve, k) => {
      if (!page.isShown(chart, k)) return;
      for (let i = 0; i < curve.x.length; ++i) {
        if (!isVisible(chart, curve.y[i])) continue;
        const at = page.xOf(curve, i);
        x = [Math.min(x[0], at), Math.max(x[1], at)];
        if (chart.zoom && (at < chart.zoom[0] || at > chart.zoom[1])) continue;
        y = [Math.min(y[0], curve.y[i]), Math.max(y[1], curve.y[i])];
      }
    });
    if (x[0] > x[1]) x = [0, 1];
    if (y[0] > y[1]) y = chart.log ? [0.1, 1] : [0, 1];
    return { x, y };
  }

  function placeOf(chart, found, width, height) {
    const mostY = Math.min(8, Math.max(2, Math.floor((height - 50) / 34)));
    const yAxis = chart.log ? axes.logarithmic(found.y[0], found.y[1], mostY)
      : axes.linear(found.y[0], found.y[1], mostY, true);
    const left = Math.ceil(widest(yAxis.texts)) + 10, right = width - 20;
    const top = 8, bottom = height - 38, [low, high] = chart.zoom || found.x;
    let xAxis;
    for (let most = 8; most >= 1; --most) {  // as many numbers as have room
      xAxis = axes.linear(low, high, most, false);
      if ((widest(xAxis.texts) + 14) * xAxis.texts.length <= right - left) break;
    }
    const place = { left, right, top, bottom, xAxis, yAxis };
    place.x = at => left + axes.shareOf(xAxis, at) * (right - left);
    place.y = at =>
      bottom - Math.min(1, Math.max(0, axes.shareOf(yAxis, at))) * (bottom - top);
    place.valueAt = px => xAxis.low + (px - left) / (right - left) * (xAxis.high - xAxis.low);
    return place;
  }

  function addAxes(svg, place, xLabel) {
    const { left, right, bottom, xAxis, yAxis } = place;
    yAxis.ticks.forEach((tick, i) => {
      add(svg, "path", { d: `M${left} ${place.y(tick)}H${right}`, stroke: "var(--line)" });
      addText(svg, left - 6, place.y(tick) + 4, "end", "var(--soft)", yAxis.texts[i]);
    });
    xAxis.ticks.forEach((tick, i) => {
      add(svg, "path", { d: `M${place.x(tick)} ${bottom}v4`, stroke: "var(--soft)" });
      addText(svg, place.x(tick), bottom + 17, "middle", "var(--soft)", xAxis.texts[i]);
    });
    add(svg, "path", { d: `M${left} ${bottom}H${right}`, stroke: "var(--soft)" });
    addText(svg, (left + right) / 2, bottom + 33, "middle", "var(--ink)", xLabel);
  }

  function addCurve(chart, page, curve, into) {
    const { place } = chart;
    const isInside = x => x >= place.left - 1 && x <= place.right + 1;
    const points = curve.x.map((x, i) => isVisible(chart, curve.y[i])
      ? [place.x(page.xOf(curve, i)), place.y(curve.y[i])] : null);
    let path = "";
    points.forEach((point, i) => {
      if (!point) return;
      path += `${points[i - 1] ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    });
    const inside = points.filter(point => point && isInside(point[0]));
    const width = inside.length > 250 ? 1.1 : 1.7;
    const line = { d: path, fill: "none", "stroke-width": width, stroke: curve.colour };
    if (curve.dash) line["stroke-dasharray"] = curve.dash;
    add(into, "path", line);
    // Few points are marked, and so is one between gaps, which no line shows.
    const isAlone = i => points[i] && !points[i - 1] && !points[i + 1];
    const marked = inside.length <= 40 ? inside
      : points.filter((point, i) => isAlone(i) && isInside(point[0]));
    for (const [x, y] of marked)
      add(into, "circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2.1, fill: curve.colour });
  }

  // `page` has isShown(chart, k), xOf(curve, i) and xLabel().
  function draw(chart, page) {
    const width = Math.max(240, chart.canvas.clientWidth);
    const height = Math.round(Math.min(300, Math.max(210, width * 0.5)));
    const found = ranges(chart, page), svg = chart.svg;
    chart.whole = found.x;
    const place = chart.place = placeOf(chart, found, width, height);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const clip = add(add(svg, "defs", {}), "clipPath", { id: "clip-" + chart.index });
    add(clip, "rect", {
      x: place.left - 3, y: place.top - 4,
      width: place.right - place.left + 6, height: place.bottom - place.top + 8
    });
    addAxes(svg, place, page.xLabel());
    const curves = add(svg, "g", { "clip-path": `url(#clip-${chart.index})` });
    chart.data.curves.forEach((curve, k) => {
      if (page.isShown(chart, k)) addCurve(chart, page, curve, curves);
    });
    chart.cursor = add(svg, "g", {});
  }

  return { add, draw, isVisible };
})();

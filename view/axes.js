// SPDX-License-Identifier: Apache-2.0
// The axes of charts, as view/scale.cpp makes them: where they begin and end, and the numbers at
// them.
"use strict";
const axes = (function () {
  // The round number 1, 2 or 5 times a power of ten that cuts a range in at most `most` parts.
  function roundStep(range, most) {
    const raw = range / Math.max(1, most), power = Math.pow(10, Math.floor(Math.log10(raw)));
    for (const factor of [1, 2, 5]) if (raw <= factor * power * 1.0000001) return factor * power;
    return 10 * power;
  }
  function withoutZeros(text) { return text.includes(".") ? text.replace(/\.?0+$/, "") : text; }
  function scientific(value, step) {
    if (value === 0) return "0";
    const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
    const digits = exponent - Math.floor(Math.log10(step) + 1e-9);
    const mantissa = (value / Math.pow(10, exponent)).toFixed(Math.min(6, Math.max(0, digits)));
    return withoutZeros(mantissa) + "e" + exponent;
  }
  function tickText(value, step, largest) {
    if (largest >= 1e9 || step < 0.9e-4) return scientific(value, step);
    const inUnits = (size, letter) =>
      value === 0 ? "0" : withoutZeros((value / size).toFixed(2)) + letter;
    if (largest >= 1e6 && step >= 1e4) return inUnits(1e6, "M");
    if (largest >= 1e4 && step >= 10) return inUnits(1e3, "k");
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return (value === 0 ? 0 : value).toFixed(digits);
  }
  function linear(low, high, most, atTicks) {
    if (high - low < Math.max(Math.abs(low), Math.abs(high)) * 1e-9 || low === high) {
      const room = low === 0 ? 1 : Math.abs(low) * 0.1;
      low -= low === 0 ? 0 : room;
      high += room;
    }
    const step = roundStep(high - low, most);
    const axis = { low, high, log: false, ticks: [], texts: [] };
    if (atTicks) {
      axis.low = Math.floor(low / step + 1e-6) * step;
      axis.high = Math.ceil(high / step - 1e-6) * step;
    }
    const largest = Math.max(Math.abs(axis.low), Math.abs(axis.high));
    const last = Math.floor(axis.high / step + 1e-6);
    for (let at = Math.ceil(axis.low / step - 1e-6); at <= last && axis.ticks.length < 50; ++at) {
      axis.ticks.push(at * step);
      axis.texts.push(tickText(at * step, step, largest));
    }
    return axis;
  }
  function powerText(factor, power) {
    return power >= -4 && power <= 4 ? withoutZeros((factor * Math.pow(10, power)).toFixed(4))
      : factor + "e" + power;
  }
  // Ticks at the powers of ten, and at 2 and 5 times these on a short axis.
  function logarithmic(low, high, most) {
    if (Math.log10(high / low) < 0.5) {
      let axis = linear(low, high, most, true);
      if (axis.low <= 0) axis = linear(low, high, most, false);
      axis.log = axis.low > 0 && axis.low < axis.high;
      return axis;
    }
    const first = Math.floor(Math.log10(low) + 1e-9), last = Math.ceil(Math.log10(high) - 1e-9);
    const isShort = 3 * (last - first) <= most + 2;
    const stride = Math.max(1, Math.ceil((last - first) / most));
    const axis = { low, high, log: true, ticks: [], texts: [] };
    for (let power = first; power <= last; power += stride)
      for (const factor of isShort ? [1, 2, 5] : [1]) {
        const tick = factor * Math.pow(10, power), next = tick * (factor === 2 ? 2.5 : 2);
        if (isShort && next <= low * 1.0000001) continue;
        if (axis.ticks.some(before => before >= high * 0.9999999)) continue;
        axis.ticks.push(tick);
        axis.texts.push(powerText(factor, power));
      }
    axis.low = axis.ticks[0];
    axis.high = Math.max(axis.ticks[axis.ticks.length - 1], high);
    return axis;
  }
  // 0 at the beginning of the axis, 1 at its end.
  function shareOf(axis, value) {
    if (!axis.log) return (value - axis.low) / (axis.high - axis.low);
    return Math.log(Math.max(value, axis.low * 1e-3) / axis.low) / Math.log(axis.high / axis.low);
  }
  return { linear, logarithmic, shareOf };
})();

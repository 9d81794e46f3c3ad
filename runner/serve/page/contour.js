/** Draws pitch and energy above a word: a line of F0, and the energy as an area below it. */

import { draw } from "./dom.js";

const VOICED_HZ = 40; // less is no voice
const [WIDTH, HEIGHT] = [100, 100];
const POINTS = 48; // of a word at most

/** The scales of a run's curves, so that all words share them. */
export class Scales {
  constructor(curves) {
    const pitch = collect(curves.f0).filter((hz) => hz > VOICED_HZ).map(Math.log2);
    const energy = collect(curves.n);
    this.pitch = widen(range(pitch, 0.01, 0.99), 0.5); // half an octave at least: a flat voice looks flat
    this.energy = range(energy, 0.05, 0.995);
    this.hasPitch = pitch.length > 0;
  }
}

/** Give the values of curves in [start, end) with their times; an empty list where there are none. */
export function cut(curves, start, end) {
  const found = [];
  for (const { start: first, step, values } of curves ?? []) {
    const from = Math.max(0, Math.ceil((start - first) / step));
    const to = Math.min(values.length, Math.ceil((end - first) / step));
    for (let at = from; at < to; at += 1) found.push([first + at * step, values[at]]);
  }
  return found;
}

/** Draw the contour of a word between two times. */
export function drawContour(curves, scales, start, end) {
  const x = (time) => (((time - start) / (end - start)) * WIDTH).toFixed(1);
  const pitch = thin(cut(curves.f0, start, end));
  const energy = thin(cut(curves.n, start, end));
  return [drawArea(energy, scales.energy, x), drawLine(pitch, scales.pitch, x)];
}

function drawLine(points, [least, most], x) {
  let path = "";
  let isVoiced = false;
  for (const [time, hz] of points) {
    if (hz > VOICED_HZ) {
      const y = HEIGHT - 8 - ((Math.log2(hz) - least) / (most - least)) * (HEIGHT - 20);
      path += `${isVoiced ? "L" : "M"}${x(time)} ${Math.min(HEIGHT, Math.max(0, y)).toFixed(1)}`;
    }
    isVoiced = hz > VOICED_HZ;
  }
  return draw("path.pitch", { d: path || "M0 0" });
}

function drawArea(points, [least, most], x) {
  if (!points.length || most <= least) return draw("path.energy", { d: "M0 0" });
  const y = (value) => (HEIGHT - Math.min(1, Math.max(0, (value - least) / (most - least))) * (HEIGHT * 0.55)).toFixed(1);
  const line = points.map(([time, value]) => `L${x(time)} ${y(value)}`).join("");
  return draw("path.energy", { d: `M${x(points[0][0])} ${HEIGHT}${line}L${WIDTH} ${y(points.at(-1)[1])}L${WIDTH} ${HEIGHT}Z` });
}

function thin(points) {
  const every = Math.ceil(points.length / POINTS);
  return every > 1 ? points.filter((_, index) => index % every === 0) : points;
}

function collect(curves) {
  return (curves ?? []).flatMap((curve) => curve.values);
}

function range(values, low, high) {
  if (!values.length) return [0, 0];
  const sorted = Float64Array.from(values).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return [at(low), at(high)];
}

function widen([least, most], width) {
  const missing = Math.max(0, width - (most - least)) / 2;
  return [least - missing, most + missing];
}

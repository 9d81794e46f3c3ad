/** Draws pitch and energy above a word: a line of F0, and the energy as an area below it. */

import { draw } from "./dom.js";

const VOICED = 0.6; // of the middle pitch: less is no voice, or the way to it
const JUMP = 0.12; // of the pitch, from one value to the next: more is no melody
const SHORTEST = 3; // values of a piece that is drawn
const LEAST_HZ = 40;
const CLOSE = 0.08; // of a scale: what nobody sees
const [WIDTH, HEIGHT] = [100, 100];

/** The scales of a run's curves, so that all words share them. */
export class Scales {
  constructor(curves) {
    const all = collect(curves.f0);
    [this.middle] = range(all.filter((hz) => hz > LEAST_HZ), 0.5, 0.5);
    const pitch = all.filter((hz) => this.isVoiced(hz)).map(Math.log2);
    this.pitch = widen(range(pitch, 0.02, 0.98), 0.6); // more than half an octave: a flat voice looks flat
    this.energy = range(collect(curves.n), 0.05, 0.998);
    this.hasPitch = pitch.length > 0;
  }

  /** Whether other scales would show words nearly as these do. */
  fits(other) {
    const pairs = [[this.pitch, other.pitch], [this.energy, other.energy]];
    return pairs.every(([[low, high], [least, most]]) => Math.max(Math.abs(low - least), Math.abs(high - most)) <= CLOSE * (most - least));
  }

  /** Whether a value of F0 is that of a voice. */
  isVoiced(hz) {
    return hz > LEAST_HZ && hz > this.middle * VOICED;
  }
}

/** Give the values of curves from `start` to `end` with their times, those of both ends too; none where there are none. */
export function cut(curves, start, end) {
  const found = [];
  for (const { start: first, step, values } of curves ?? []) {
    if (first > end || first + values.length * step < start) continue;
    const from = Math.max(0, Math.floor((start - first) / step));
    const to = Math.min(values.length, Math.ceil((end - first) / step) + 1);
    for (let at = from; at < to; at += 1) found.push([first + at * step, values[at]]);
  }
  if (found.length > 1) {
    if (found[0][0] < start) found[0] = interpolate(found[0], found[1], start);
    if (found.at(-1)[0] > end) found[found.length - 1] = interpolate(found.at(-2), found.at(-1), end);
  }
  return found;
}

function interpolate([before, low], [after, high], time) {
  return [time, low + ((high - low) * (time - before)) / (after - before)];
}

/** Draw the contour of a word between two times. */
export function drawContour(curves, scales, start, end) {
  const x = (time) => clamp((time - start) / (end - start), 0, 1) * WIDTH;
  const [least, most] = scales.pitch;
  const y = (hz) => clamp(HEIGHT - 8 - ((Math.log2(hz) - least) / (most - least)) * (HEIGHT - 20), 0, HEIGHT);
  return [drawArea(cut(curves.n, start, end), scales.energy, x), draw("path.pitch", { d: tracePitch(cut(curves.f0, start, end), scales, x, y) || "M0 0" })];
}

/** Trace the pitch as a path, which is broken where there is no voice; shorter pieces than a few values are left out. */
export function tracePitch(points, scales, x, y) {
  const pieces = [];
  let before = 0;
  for (const [time, hz] of points) {
    const isVoiced = scales.isVoiced(hz);
    const goesOn = before > 0 && Math.abs(Math.log(hz / before)) < JUMP;
    if (isVoiced && !goesOn) pieces.push([]);
    if (isVoiced) pieces.at(-1).push(`${x(time).toFixed(1)} ${y(hz).toFixed(1)}`);
    before = isVoiced ? hz : 0;
  }
  return pieces.filter((piece) => piece.length >= SHORTEST).map((piece) => `M${piece.join("L")}`).join("");
}

function drawArea(points, [least, most], x) {
  if (!points.length || most <= least) return draw("path.energy", { d: "M0 0" });
  const y = (value) => HEIGHT - clamp((value - least) / (most - least), 0, 1) ** 2 * HEIGHT * 0.55;
  const line = points.map(([time, value]) => `L${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const [first, last] = [points[0], points.at(-1)].map(([time]) => x(time).toFixed(1));
  return draw("path.energy", { d: `M${first} ${HEIGHT}${line}L${last} ${HEIGHT}Z` });
}

/** Give the number from `least` to `most` that is nearest to a value. */
export function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
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

/** Two settings side by side: both are spoken, heard in turns at the same word, and drawn over each other. */

import { clamp, cut, Scales, tracePitch } from "./contour.js";
import { draw, make } from "./dom.js";
import { Params } from "./params.js";
import { spellDuration, spellTime } from "./units.js";
import { VoiceMixer } from "./voices.js";

const NAMES = ["A", "B"];
const [PX_PER_S, LEAST_PX, HEIGHT] = [110, 34, 120];

/** The two sides. Events: play {run, at}. */
export class Comparison extends EventTarget {
  #sides;
  #figure;
  #active = null;

  /**
   * @param {HTMLElement} frame holds the settings of both sides.
   * @param {HTMLElement} figure shows both pitches.
   * @param {object} graph as the server describes it.
   */
  constructor(frame, figure, graph) {
    super();
    this.#figure = figure;
    this.#sides = NAMES.map((name) => this.#makeSide(name, graph));
    frame.replaceChildren(...this.#sides.map((side) => side.element));
    const [, other] = this.#sides;
    const rest = graph.voices.filter((voice) => voice !== other.voices.value);
    if (rest.length) other.voices.value = rest[0];
    else other.params.value = { ...other.params.value, speed: 0.8 };
  }

  /** The settings of both sides: {voice, params}. */
  get settings() {
    return this.#sides.map(({ voices, params }) => ({ voice: voices.value, params: params.value }));
  }

  /** Whether there are two runs to switch between. */
  get isReady() {
    return this.#sides.every((side) => side.run);
  }

  /** Take the run of a side, from its beginning on. */
  begin(index, run) {
    const side = this.#sides[index];
    side.run = run;
    for (const name of ["spoken", "ended", "closed"]) run.addEventListener(name, () => this.#update());
    this.#update();
  }

  /** Tell which run is heard. */
  attend(run) {
    this.#active = this.#sides.findIndex((side) => side.run === run);
    for (const [index, side] of this.#sides.entries()) {
      side.element.classList.toggle("heard", index === this.#active);
      side.play.setAttribute("aria-pressed", index === this.#active);
    }
  }

  /** Hear the other side, at the word that is heard now. */
  swap(position) {
    if (!this.isReady) return;
    const to = this.#active === 0 ? 1 : 0;
    const from = this.#sides[this.#active]?.run;
    this.#play(to, from ? findSamePlace(from, this.#sides[to].run, position) : 0);
  }

  #makeSide(name, graph) {
    const index = NAMES.indexOf(name);
    const [voiceFrame, paramFrame] = [make("div"), make("div.side-params")];
    const facts = make("dl.side-facts");
    const play = make("button", { type: "button", disabled: true, "aria-pressed": "false", onclick: () => this.#play(index, 0) }, `Hear ${name}`);
    const element = make(`section.side.side-${name.toLowerCase()}`, { "aria-label": `Side ${name}` },
      make("div.card-head", {}, make("h3", {}, make("span.badge", {}, name)), play), voiceFrame, paramFrame, facts);
    const [voices, params] = [new VoiceMixer(voiceFrame, graph), new Params(paramFrame, graph, `${name.toLowerCase()}-`)];
    return { name, element, voices, params, facts, play, run: null };
  }

  #play(index, at) {
    this.dispatchEvent(new CustomEvent("play", { detail: { run: this.#sides[index].run, at } }));
  }

  #update() {
    for (const side of this.#sides.filter((one) => one.run)) {
      side.play.disabled = !side.run.seconds;
      side.facts.replaceChildren(...describe(side.run).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
    }
    if (this.isReady) this.#figure.replaceChildren(...drawBoth(this.#sides.map((side) => side.run)));
    this.dispatchEvent(new Event("change"));
  }
}

/** Find the place in another run of the same text at which the same is said. */
export function findSamePlace(from, to, position) {
  const word = from.wordAt(position);
  const other = word && to.words.find((one) => one.key === word.key);
  if (!other || other.start === null) return 0;
  const share = Math.min(1, (position - word.start) / Math.max(0.01, word.end - word.start));
  return other.start + share * (other.end - other.start);
}

function describe(run) {
  const { ran, hits } = run.countStages();
  const scales = new Scales(run.curves);
  const pitch = (run.curves.f0 ?? []).flatMap((curve) => curve.values).filter((hz) => scales.isVoiced(hz)).sort((one, other) => one - other);
  const at = (share) => Math.round(pitch[Math.floor(share * (pitch.length - 1))]);
  return [
    ["Length", spellTime(run.seconds, true)],
    ["Made in", run.totalSeconds === null ? "…" : spellDuration(run.totalSeconds)],
    ["First sound", run.firstSeconds === null ? "…" : spellDuration(run.firstSeconds)],
    ["Pitch", pitch.length ? `${at(0.5)} Hz, ${at(0.05)} to ${at(0.95)}` : "–"],
    ["Stages", `${ran} ran, ${hits} cached`],
  ];
}

/** Draw the pitch of both runs, word under word. */
function drawBoth(runs) {
  const [one, other] = runs;
  const places = new Map(other.words.map((word) => [word.key, word]));
  const pairs = one.words.map((word) => [word, places.get(word.key)]).filter(([word, same]) => word.start !== null && same && same.start !== null);
  const scales = runs.map((run) => new Scales(run.curves));
  if (!pairs.length || !scales.every((own) => own.hasPitch)) return [];
  const [least, most] = [Math.min(...scales.map((own) => own.pitch[0])), Math.max(...scales.map((own) => own.pitch[1]))];
  const y = (hz) => clamp(HEIGHT - 10 - ((Math.log2(hz) - least) / (most - least)) * (HEIGHT - 20), 0, HEIGHT);
  let x = 0;
  const paths = ["", ""];
  const labels = [];
  for (const pair of pairs) {
    const width = Math.max(LEAST_PX, pair[0].text.length * 8, ...pair.map((word) => (word.end - word.start) * PX_PER_S));
    for (const [side, word] of pair.entries()) {
      const across = (time) => x + clamp((time - word.start) / (word.end - word.start), 0, 1) * width;
      paths[side] += tracePitch(cut(runs[side].curves.f0, word.start, word.end), scales[side], across, y);
    }
    labels.push(draw("text", { x: x + width / 2, y: HEIGHT + 16 }, pair[0].text), draw("path.grid", { d: `M${x} 0V${HEIGHT}` }));
    x += width;
  }
  const lines = paths.map((path, side) => draw(`path.pitch.side-${NAMES[side].toLowerCase()}`, { d: path || "M0 0" }));
  const figure = draw("svg.both", { viewBox: `0 0 ${x} ${HEIGHT + 24}`, width: x, height: HEIGHT + 24, role: "img", "aria-label": "Pitch of both sides, word by word" }, ...labels, ...lines);
  const legend = make("p.legend", {}, ...NAMES.map((name) => make("span", {}, make(`i.swatch.side-${name.toLowerCase()}`), name)), "pitch, word by word");
  return [legend, make("div.scroll", { tabindex: 0, role: "region", "aria-label": "Pitch of both sides" }, figure)];
}

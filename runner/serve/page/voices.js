/** Chooses a voice, or mixes several: a slider for the weight of each. */

import { make } from "./dom.js";
import { spellVoice } from "./units.js";

const MOST = 6;
const WEIGHT = 50;

export class VoiceMixer extends EventTarget {
  #frame;
  #names;
  #rows = [];

  /**
   * @param {HTMLElement} frame holds the controls.
   * @param {{voices: string[], voice: string|null}} graph
   */
  constructor(frame, { voices, voice }) {
    super();
    [this.#frame, this.#names] = [frame, voices];
    this.#rows = voices.length ? [{ name: voices.includes(voice) ? voice : voices[0], weight: WEIGHT }] : [];
    this.#draw();
  }

  /** The voice as a request names it: `af_heart`, `af_heart*60+am_adam*40`; null where there is no choice. */
  get value() {
    const used = this.#rows.filter((row) => row.weight > 0);
    if (!used.length) return null;
    return used.length === 1 ? used[0].name : used.map((row) => `${row.name}*${row.weight}`).join("+");
  }

  set value(spec) {
    const rows = readMix(spec).filter((row) => this.#names.includes(row.name));
    if (rows.length) this.#rows = rows;
    this.#draw();
  }

  #draw(focus) {
    const total = this.#rows.reduce((sum, row) => sum + row.weight, 0) || 1;
    const isMix = this.#rows.length > 1;
    const bar = isMix ? make("div.mix-bar", { "aria-hidden": "true" }, ...this.#rows.map((row, index) => makeShare(row, index, total))) : null;
    const rows = this.#rows.map((row, index) => this.#drawRow(row, index, isMix));
    const rest = this.#names.filter((name) => !this.#rows.some((row) => row.name === name));
    const add = rest.length && this.#rows.length < MOST ? make("button.quiet", { type: "button", onclick: () => this.#add(rest[0]) }, "Mix in another voice") : null;
    const none = this.#names.length ? null : make("p.hint", {}, "The model has one voice.");
    this.#frame.replaceChildren(...[bar, ...rows, add, none].filter(Boolean));
    if (focus !== undefined) this.#frame.querySelectorAll("select")[focus]?.focus();
  }

  #drawRow(row, index, isMix) {
    const label = isMix ? `Voice ${index + 1}` : "Voice";
    const options = this.#names.map((name) => make("option", { value: name, selected: name === row.name }, spellVoice(name)));
    const select = make("select", { "aria-label": label, onchange: (event) => this.#change(row, { name: event.target.value }) }, ...options);
    if (!isMix) return make("div.voice", {}, select);
    const share = make("output", {}, this.#spellShare(row));
    const slider = make("input", {
      type: "range", min: 0, max: 100, step: 5, value: row.weight, "aria-label": `Weight of ${spellVoice(row.name)}`,
      oninput: (event) => this.#weigh(row, Number(event.target.value)),
    });
    const remove = make("button.quiet.icon", { type: "button", "aria-label": `Remove ${spellVoice(row.name)}`, onclick: () => this.#remove(index) }, "×");
    return make(`div.voice.mixed.tone-${index}`, {}, select, remove, slider, share);
  }

  #spellShare(row) {
    const total = this.#rows.reduce((sum, one) => sum + one.weight, 0) || 1;
    return `${Math.round((row.weight / total) * 100)} %`;
  }

  #weigh(row, weight) {
    row.weight = weight;
    const total = this.#rows.reduce((sum, one) => sum + one.weight, 0) || 1;
    this.#frame.querySelectorAll("output").forEach((output, index) => { output.textContent = this.#spellShare(this.#rows[index]); });
    this.#frame.querySelectorAll(".mix-bar span").forEach((share, index) => { share.style.flexGrow = this.#rows[index].weight / total; });
    this.dispatchEvent(new Event("change"));
  }

  #change(row, change) {
    Object.assign(row, change);
    this.#draw(this.#rows.indexOf(row));
    this.dispatchEvent(new Event("change"));
  }

  #add(name) {
    this.#rows.push({ name, weight: WEIGHT });
    this.#draw(this.#rows.length - 1);
    this.dispatchEvent(new Event("change"));
  }

  #remove(index) {
    this.#rows.splice(index, 1);
    this.#draw(Math.max(0, index - 1));
    this.dispatchEvent(new Event("change"));
  }
}

function makeShare(row, index, total) {
  const share = make(`span.tone-${index}`);
  share.style.flexGrow = row.weight / total;
  return share;
}

/** Read a mix, as `value` spells it: voices with their weights. */
export function readMix(spec) {
  return (spec ?? "").split("+").filter(Boolean).map((part) => {
    const [name, weight] = part.split("*");
    return { name, weight: weight === undefined ? WEIGHT : Number(weight) };
  });
}

/** Spell a mix for people: `Heart 60 %, Adam 40 %`. */
export function spellMix(spec) {
  const rows = readMix(spec);
  if (!rows.length) return "the model's voice";
  if (rows.length === 1) return spellVoice(rows[0].name);
  const total = rows.reduce((sum, row) => sum + row.weight, 0);
  return rows.map((row) => `${spellVoice(row.name).split(",")[0]} ${Math.round((row.weight / total) * 100)} %`).join(", ");
}

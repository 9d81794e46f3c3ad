/** The parameters of the graph that a request may set: speed, seed, language. */

import { make } from "./dom.js";
import { spellLanguage } from "./units.js";

export class Params {
  #controls = new Map(); // name -> {read, write}

  /**
   * @param {HTMLElement} frame holds the controls.
   * @param {{params: object[], languages: string[]}} graph
   * @param {string} prefix of the ids of the controls.
   */
  constructor(frame, { params, languages }, prefix = "") {
    for (const param of params) {
      const makers = { speed: makeSpeed, seed: makeSeed, lang: makeLanguage };
      const { element, read, write } = makers[param.name](param, prefix + param.name, languages);
      this.#controls.set(param.name, { read, write, initial: param.value });
      frame.append(element);
    }
  }

  /** The values, by name. */
  get value() {
    return Object.fromEntries([...this.#controls].map(([name, { read }]) => [name, read()]));
  }

  set value(values) {
    for (const [name, { write, initial }] of this.#controls) write(values[name] ?? initial);
  }
}

function makeSpeed({ value, min, max }, id) {
  const [least, most] = [Math.log2(Math.max(min ?? 0.25, 0.5)), Math.log2(Math.min(max ?? 4, 2))];
  const spell = (exponent) => Math.round(2 ** exponent * 100) / 100;
  const output = make("output", { for: id });
  const slider = make("input", { type: "range", id, min: least, max: most, step: "any", value: Math.log2(value), oninput: show, onkeydown: step });
  show();
  return {
    element: make("div.param", {}, make("label", { for: id }, "Speed"), output, slider),
    read: () => spell(Number(slider.value)),
    write: (speed) => { slider.value = Math.log2(speed); show(); },
  };

  function show() {
    const speed = spell(Number(slider.value));
    output.textContent = `${speed.toFixed(2)} ×`;
    slider.setAttribute("aria-valuetext", `${speed} times`);
  }

  function step(event) {
    const by = { ArrowRight: 0.05, ArrowUp: 0.05, ArrowLeft: -0.05, ArrowDown: -0.05 }[event.key];
    if (!by) return;
    event.preventDefault();
    slider.value = Math.log2(Math.max(2 ** least, Math.round((spell(Number(slider.value)) + by) * 20) / 20));
    show();
  }
}

function makeSeed({ value }, id) {
  const input = make("input", { type: "number", id, min: 0, step: 1, value, inputmode: "numeric" });
  const roll = () => { input.value = Math.floor(Math.random() * 1e6); };
  return {
    element: make("div.param.row", {}, make("label", { for: id }, "Seed"), input, make("button.quiet", { type: "button", onclick: roll }, "Another")),
    read: () => Math.trunc(Number(input.value)) || 0,
    write: (seed) => { input.value = seed; },
  };
}

function makeLanguage({ value }, id, languages) {
  const options = languages.map((name) => make("option", { value: name, selected: name === value }, spellLanguage(name)));
  const select = make("select", { id }, ...options);
  return {
    element: make("div.param.row", {}, make("label", { for: id }, "Language"), select),
    read: () => select.value,
    write: (lang) => { select.value = lang; },
  };
}

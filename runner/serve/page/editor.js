/** The text that is written, or the phonemes; with a count, and a limit. */

import { find } from "./dom.js";
import { spellCount } from "./units.js";

const SAMPLES = {
  text: "Kokoro means heart. Press Speak, and each word appears with its sounds, its melody, and the moment it is heard.\n\nChange a sound, and only what follows from it is computed again.",
  phonemes: "həlˈO wˈɜɹld.",
};
const NEAR = 0.8; // of the limit: from here on it is shown

export class Editor {
  #area = find("text");
  #takesText;
  #longest;

  /** @param {{takes_text: boolean, longest_input: number}} graph */
  constructor({ takes_text: takesText, longest_input: longest }) {
    [this.#takesText, this.#longest] = [takesText, longest];
    find("kind").hidden = !takesText;
    this.#area.value = SAMPLES[this.kind];
    this.#area.addEventListener("input", () => this.#count());
    find("kind").addEventListener("change", () => this.#show());
    this.#show();
  }

  /** What is written. */
  get text() {
    return this.#area.value;
  }

  /** What it is: text or phonemes. */
  get kind() {
    return this.#takesText ? document.querySelector("#kind input:checked").value : "phonemes";
  }

  /** Whether nothing is written that could be spoken. */
  get isEmpty() {
    return !this.text.trim();
  }

  /** Write something in place of what is there. */
  write(kind, text) {
    if (this.#takesText) document.querySelector(`#kind input[value=${kind}]`).checked = true;
    this.#area.value = text;
    this.#show();
  }

  #show() {
    const { kind } = this;
    find("compose-title").textContent = kind === "text" ? "Text" : "Phonemes";
    find("read").hidden = kind !== "text";
    this.#area.spellcheck = kind === "text";
    this.#area.classList.toggle("is-phonemes", kind !== "text");
    if (Object.values(SAMPLES).includes(this.text)) this.#area.value = SAMPLES[kind];
    this.#count();
  }

  #count() {
    const { length } = this.text;
    const [is, most] = [length, this.#longest].map((number) => number.toLocaleString("en"));
    find("count").textContent = length > this.#longest * NEAR ? `${is} of ${most} characters` : spellCount(length, "character");
    find("count").classList.toggle("wrong", length > this.#longest);
    find("speak").disabled = length > this.#longest;
  }
}

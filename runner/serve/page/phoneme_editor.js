/** Edits the phonemes of a word in their place, with the symbols that the model knows at hand. */

import { make } from "./dom.js";

// What people change most: stress and length, vowels, consonants that no keyboard has.
const ORDER = "ˈˌːəɪɛæɑɔʊʌɜiuAIOWYᵊɚɐɒᵻaeoθðʃʒʧʤŋɹɡɾʔjwlpbtdkfvszhmn";

export class PhonemeEditor {
  #bar;
  #symbols;
  #close = null;

  /**
   * @param {HTMLElement} bar is shown while something is edited.
   * @param {string[]} symbols that may be written.
   */
  constructor(bar, symbols) {
    this.#bar = bar;
    this.#symbols = new Set(symbols);
  }

  /** Whether something is edited. */
  get isOpen() {
    return this.#close !== null;
  }

  /**
   * Edit in the place of a button.
   *
   * @param {HTMLElement} button shows the phonemes.
   * @param {{text: string}} word
   * @param {string|undefined} original phonemes, of a word that was changed before.
   * @param {(value: string|null, again: boolean) => void} done takes the new phonemes, null for the old ones; and
   *   whether they are to be spoken at once.
   */
  open(button, word, original, done) {
    this.#close?.();
    const was = button.textContent;
    const input = make("input.phonemes", {
      value: was, "aria-label": `Phonemes of ${word.text}`, "aria-describedby": "edit-hint", spellcheck: "false",
      autocapitalize: "off", autocomplete: "off", autocorrect: "off", enterkeyhint: "done",
      oninput: () => this.#check(input), onblur: () => this.#close?.(), onkeydown: (event) => this.#press(event),
    });
    this.#close = (keeps = true, again = false) => {
      const value = input.value.trim();
      const isValid = this.#findUnknown(value).length === 0;
      if (again && !isValid) return;
      this.#close = null;
      const hadFocus = document.activeElement === input;
      input.replaceWith(button);
      this.#bar.hidden = true;
      done(keeps && isValid && (value !== was || again) ? value : null, again);
      if (hadFocus) button.focus();
    };
    button.replaceWith(input);
    this.#fillBar(input, word, was, original);
    this.#check(input);
    input.focus();
    input.select();
  }

  #press(event) {
    if (event.key === "Enter") this.#close(true, true);
    else if (event.key === "Escape") this.#close(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #fillBar(input, word, was, original) {
    const symbols = [...this.#symbols].filter((symbol) => ORDER.includes(symbol)).sort((one, other) => ORDER.indexOf(one) - ORDER.indexOf(other));
    const keys = symbols.map((symbol) => makeKey(symbol, () => {
      input.setRangeText(symbol, input.selectionStart, input.selectionEnd, "end");
      input.dispatchEvent(new Event("input"));
    }));
    const restore = original === undefined ? null : makeKey(`Restore ${original}`, () => {
      input.value = original;
      this.#close(true, true);
    });
    restore?.classList.add("wide");
    this.#bar.replaceChildren(
      make("p.edit-hint", { id: "edit-hint" }, "Enter speaks it, Escape leaves it."),
      make("div.keys", { role: "group", "aria-label": "Symbols of the model" }, ...keys),
      ...(restore ? [restore] : []),
    );
    this.#bar.hidden = false;
  }

  #findUnknown(value) {
    return this.#symbols.size ? [...value].filter((symbol) => symbol !== " " && !this.#symbols.has(symbol)) : [];
  }

  #check(input) {
    const unknown = this.#findUnknown(input.value);
    input.size = Math.max(2, input.value.length + 1);
    input.setAttribute("aria-invalid", unknown.length > 0);
    const hint = this.#bar.querySelector(".edit-hint");
    hint.textContent = unknown.length ? `The model has no symbol ${unknown.join(" ")}` : "Enter speaks it, Escape leaves it.";
    hint.classList.toggle("wrong", unknown.length > 0);
  }
}

function makeKey(symbol, press) {
  const hold = (event) => event.preventDefault(); // the input keeps the focus
  return make(/^[a-z]$/.test(symbol) ? "button.key.plain" : "button.key", { type: "button", tabindex: -1, onpointerdown: hold, onmousedown: hold, onclick: press }, symbol);
}

/** Changes of phonemes: of single words of one text. */

export class Edits {
  #text = null;
  #edits = new Map(); // key of a word -> {row, word, phonemes, original}

  /** How many there are. */
  get size() {
    return this.#edits.size;
  }

  /** The change of a word, by its key: {phonemes, original}; undefined if it is as it was. */
  get(key) {
    return this.#edits.get(key);
  }

  /** Change a word; back to what it was, if that is what is given. */
  set(word, phonemes) {
    const original = this.get(word.key)?.original ?? word.phonemes;
    if (phonemes === original) this.#edits.delete(word.key);
    else this.#edits.set(word.key, { row: word.row, word: word.index, phonemes, original });
  }

  /** Forget all. */
  clear() {
    this.#edits.clear();
  }

  /** Take a text: changes of another one are forgotten. */
  take(text) {
    if (text !== this.#text) this.clear();
    this.#text = text;
  }

  /** Give them as a request has them. */
  toRequest() {
    return [...this.#edits.values()].map(({ row, word, phonemes }) => ({ row, word, phonemes }));
  }

  /** Give them as plain data, for `restore`. */
  store() {
    return [...this.#edits];
  }

  /** Take what `store` gave, of a text. */
  restore(text, stored) {
    [this.#text, this.#edits] = [text, new Map(stored)];
  }
}

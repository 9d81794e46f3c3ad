/** The audio of a run, of which more may come: chunks, each with the time at which it starts. */

export class Sound extends EventTarget {
  /** @param {number} rate samples a second. */
  constructor(rate) {
    super();
    this.rate = rate;
    this.chunks = [];
    this.isWhole = false;
  }

  /** The seconds that are there; nothing that starts later is. */
  get seconds() {
    const last = this.chunks.at(-1);
    return last ? last.start + last.samples.length / this.rate : 0;
  }

  /**
   * Add what follows.
   *
   * @param {number} start in the whole [s]; between it and the chunk before lies silence.
   * @param {Float32Array} samples
   */
  add(start, samples) {
    const chunk = { start, samples };
    this.chunks.push(chunk);
    this.dispatchEvent(new CustomEvent("chunk", { detail: chunk }));
  }

  /** Tell that nothing follows. */
  end() {
    this.isWhole = true;
    this.dispatchEvent(new Event("end"));
  }

  /** Give all samples, in 16 bits. */
  toInt16() {
    const all = new Int16Array(Math.round(this.seconds * this.rate));
    for (const { start, samples } of this.chunks) {
      const first = Math.round(start * this.rate);
      for (let at = 0; at < samples.length; at += 1) all[first + at] = Math.round(samples[at] * 32768);
    }
    return all;
  }

  /** Make the sound of samples of 16 bits that is whole. */
  static fromInt16(samples, rate) {
    const sound = new Sound(rate);
    if (samples.length) sound.add(0, scale(samples));
    sound.end();
    return sound;
  }

  /** Give the peaks of `columns` equal pieces of `seconds`, each from 0 to 1; those of silence and of what is not there are 0. */
  peaks(columns, seconds) {
    const found = new Float32Array(columns);
    const width = (seconds * this.rate) / columns;
    for (const { start, samples } of this.chunks) {
      const first = Math.round(start * this.rate);
      for (let at = 0; at < samples.length; at += 4) {
        const column = Math.floor((first + at) / width);
        const size = Math.abs(samples[at]);
        if (column < columns && size > found[column]) found[column] = size;
      }
    }
    return found;
  }
}

/** Read samples of 16 bits, little-endian, that are written as base64. */
export function readSamples(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const samples = new Float32Array(bytes.length / 2);
  for (let at = 0; at < samples.length; at += 1) samples[at] = view.getInt16(at * 2, true) / 32768;
  return samples;
}

function scale(samples) {
  return Float32Array.from(samples, (sample) => sample / 32768);
}

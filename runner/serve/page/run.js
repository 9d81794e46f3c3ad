/**
 * What is known of one run: what was asked, and what the server has told so far.
 *
 *   request --> rows of words --> words with times --> sound, curves, stages
 */

import { Sound, readSamples } from "./sound.js";

/** A word of a paragraph; times are missing until it is spoken. */
export class Word {
  constructor(row, index, { text, start, end, phonemes, source }) {
    Object.assign(this, { row, index, text, phonemes, source });
    [this.from, this.to] = [start, end]; // characters of the paragraph
    this.start = this.end = null; // seconds of the whole
    this.part = null;
  }

  /** The key of edits. */
  get key() {
    return `${this.row}:${this.index}`;
  }
}

export class Run extends EventTarget {
  /**
   * @param {object} request as the server gets it.
   * @param {number} rate samples a second.
   */
  constructor(request, rate) {
    super();
    this.request = request;
    this.began = Date.now();
    this.sound = new Sound(rate);
    this.rows = []; // {text, phonemes, words}
    this.curves = {}; // name -> [{start, step, values}]
    this.stages = new Map(); // stage -> [{row, part, status, seconds}]
    this.parts = [];
    this.edits = []; // [key of a word, {row, word, phonemes, original}]
    this.state = "waiting"; // opened, spoken, whole, stopped, failed
    this.firstSeconds = this.totalSeconds = null;
  }

  /** Whether this run has been spoken to its end. */
  get isWhole() {
    return this.state === "whole";
  }

  /** All words, in their order. */
  get words() {
    return this.rows.flatMap((row) => row.words);
  }

  /** The seconds of audio that are there. */
  get seconds() {
    return this.sound.seconds;
  }

  /** Take what the server tells. */
  take(event) {
    const takers = { opened: this.#open, stage: this.#note, spoken: this.#speak, ended: this.#end };
    takers[event.type]?.call(this, event);
    this.dispatchEvent(new CustomEvent(event.type, { detail: event }));
  }

  /** Take that nothing more comes: it was stopped, or has failed. */
  close(state) {
    this.state = state;
    this.sound.end();
    this.dispatchEvent(new Event("closed"));
  }

  /** Find the word that is spoken at a time; the last one before it in a silence. */
  wordAt(seconds) {
    const words = this.timed ?? (this.timed = this.words.filter((word) => word.start !== null));
    let [low, high] = [0, words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (words[middle].start <= seconds) low = middle + 1;
      else high = middle;
    }
    return words[low - 1] ?? null;
  }

  #open({ row, text, phonemes, words, parts }) {
    this.rows[row] = { text, phonemes, parts, words: words.map((word, index) => new Word(row, index, word)) };
    if (this.state === "waiting") this.state = "opened";
  }

  #note({ row, part, stage, status, seconds }) {
    const told = this.stages.get(stage) ?? [];
    const index = told.findIndex((one) => one.row === row && one.part === part);
    const entry = { row, part, status, seconds };
    if (index < 0) told.push(entry);
    else if (status !== "hit" || told[index].status !== "run") told[index] = entry; // read again what it has just made
    this.stages.set(stage, told);
  }

  #speak({ row, part, start, audio, words, stages, curves }) {
    const known = this.rows[row].words;
    const places = new Map(known.map((word) => [word.from, word]));
    for (const [index, spoken] of words.filter((word) => word.text).entries()) {
      let word = places.get(spoken.column);
      if (!word) {
        const place = { text: spoken.text, start: spoken.column, end: spoken.column + spoken.text.length };
        word = new Word(row, known.length || index, { ...place, phonemes: spoken.phonemes, source: "" });
        known.push(word);
      }
      [word.start, word.end, word.part] = [spoken.start, spoken.end, part];
    }
    for (const [stage, seconds] of Object.entries(stages)) this.#note({ row, part, stage, status: "run", seconds });
    for (const { name, ...curve } of curves ?? []) (this.curves[name] ??= []).push(curve);
    this.timed = null;
    this.parts.push({ row, part, start });
    if (this.state !== "whole") this.state = "spoken";
    this.sound.add(start, readSamples(audio));
  }

  #end({ first_s: first, total_s: total }) {
    [this.firstSeconds, this.totalSeconds, this.state] = [first, total, "whole"];
    this.sound.end();
  }

  /** Count what the stages did: {ran, hits, seconds}. */
  countStages() {
    const count = { ran: 0, hits: 0, seconds: 0, names: { ran: [], hits: [] } };
    for (const [stage, told] of this.stages) {
      const ran = told.filter((one) => one.status === "run");
      count.seconds += ran.reduce((sum, one) => sum + one.seconds, 0);
      if (ran.length) count.names.ran.push(stage);
      else if (told.some((one) => one.status === "hit")) count.names.hits.push(stage);
    }
    [count.ran, count.hits] = [count.names.ran.length, count.names.hits.length];
    return count;
  }

  /** Give all of it as plain data, for a database. */
  store() {
    const { request, began, rows, curves, stages, parts, edits, firstSeconds, totalSeconds, state } = this;
    const words = rows.map((row) => ({ ...row, words: row.words.map((word) => ({ ...word })) }));
    const { rate, seconds } = this.sound;
    return { request, began, rows: words, curves, stages: [...stages], parts, edits, firstSeconds, totalSeconds, state, rate, seconds, samples: this.sound.toInt16() };
  }

  /** Make a run of what `store` gave. */
  static restore({ rows, stages, rate, samples, seconds: _, ...stored }) {
    const run = new Run(stored.request, rate);
    Object.assign(run, stored);
    run.rows = rows.map((row) => ({ ...row, words: row.words.map((word) => Object.assign(Object.create(Word.prototype), word)) }));
    run.stages = new Map(stages);
    run.sound = Sound.fromInt16(samples, rate);
    return run;
  }
}

/**
 * Shows the words of a run like a score: pitch above, the word, its phonemes below.
 *
 * Events: hear {word}; edit {word, phonemes, again}; word {word, position}, when another word is highlighted.
 */

import { drawContour, Scales } from "./contour.js";
import { draw, isCalm, make } from "./dom.js";
import { PhonemeEditor } from "./phoneme_editor.js";

const PX_PER_S = 74; // the least width of a word that lasts a second
const REST_MS = 2500; // after someone scrolled, the page does not scroll by itself
const GUESSED = { model: "guessed from its letters", espeak: "by espeak-ng" };

export class Score extends EventTarget {
  #frame;
  #editor;
  #run = null;
  #edits = new Map();
  #scales = null;
  #cells = new Map(); // key of a word -> {cell, word, spelled, phonemes, contour}
  #focus = { key: "0:0", lane: "spelled" };
  #now = null;
  #scrolled = 0;

  /**
   * @param {HTMLElement} frame holds the words.
   * @param {HTMLElement} bar is shown while phonemes are edited.
   * @param {string[]} symbols that the model knows.
   */
  constructor(frame, bar, symbols) {
    super();
    this.#frame = frame;
    this.#editor = new PhonemeEditor(bar, symbols);
    frame.addEventListener("keydown", (event) => this.#move(event));
    for (const name of ["wheel", "touchmove"]) addEventListener(name, () => { this.#scrolled = performance.now(); }, { passive: true });
  }

  /** Show a run, and what of it is there. Words of the run before stay until they are told anew. */
  show(run, edits) {
    [this.#run, this.#edits, this.#now] = [run, edits, null];
    for (const row of run.rows.keys()) this.open(row);
    if (run.state !== "waiting") this.time();
    if (run.sound.isWhole) this.trim();
  }

  /** Show a paragraph whose words are known. */
  open(row) {
    const { words, text } = this.#run.rows[row];
    const hadFocus = this.#frame.contains(document.activeElement);
    const list = make("ol.paragraph", { "aria-label": `Paragraph ${row + 1}`, "data-row": row });
    for (const [index, word] of words.entries()) {
      const marks = findMarks(text, words[index - 1]?.to ?? 0, word, words[index + 1]?.from ?? text.length);
      list.append(this.#makeCell(word, marks));
    }
    const old = this.#frame.children[row];
    if (old) old.replaceWith(list);
    else this.#frame.append(list);
    if (!this.#cells.get(this.#focus.key)?.cell.isConnected) this.#focus.key = words[0]?.key ?? this.#focus.key;
    this.#rove();
    if (hadFocus && this.#frame.isConnected && !this.#frame.contains(document.activeElement)) this.#focused()?.focus();
  }

  /** Show times and curves of the words that are spoken: of all, or of those of some parts: {row, part}. */
  time(parts = null) {
    const scales = new Scales(this.#run.curves);
    const isAll = parts === null || !this.#scales?.fits(scales);
    const isNew = (word) => parts.some(({ row, part }) => word?.row === row && word.part === part);
    if (isAll) this.#scales = scales;
    this.#frame.classList.toggle("has-curves", scales.hasPitch);
    const { words } = this.#run;
    if (words.some((word) => word.start !== null && !this.#cells.get(word.key)?.cell.isConnected)) {
      for (const number of this.#run.rows.keys()) this.open(number); // of phonemes: words are known when they are spoken
    }
    for (const [index, word] of words.entries()) {
      if (word.start !== null && (isAll || isNew(word) || isNew(words[index + 1]))) this.#timeWord(word, words[index + 1]);
    }
  }

  #timeWord(word, next) {
    const isFollowed = next && next.start !== null && next.row === word.row;
    const end = isFollowed ? Math.max(next.start, word.end) : word.end;
    const { cell, contour } = this.#cells.get(word.key);
    cell.style.minWidth = `${Math.round((end - word.start) * PX_PER_S)}px`;
    cell.classList.remove("stale");
    if (this.#scales.hasPitch) contour.replaceChildren(...drawContour(this.#run.curves, this.#scales, word.start, end));
  }

  /** Take away paragraphs that the run does not have. */
  trim() {
    for (const list of [...this.#frame.children].slice(this.#run.rows.length)) list.remove();
    for (const stale of this.#frame.querySelectorAll(".stale")) stale.classList.remove("stale");
  }

  /** Show how an edit has changed a word. */
  mark(word) {
    const found = this.#cells.get(word.key);
    if (found) this.#spell(found);
  }

  /** Highlight the word that is heard. */
  highlight(seconds, follows) {
    const word = seconds === null ? null : this.#run?.wordAt(seconds) ?? null;
    if (word === this.#now) return;
    if (this.#now) this.#cells.get(this.#now.key)?.cell.classList.remove("now");
    this.#now = word;
    if (!word) return;
    const { cell } = this.#cells.get(word.key) ?? {};
    cell?.classList.add("now");
    if (follows && cell) this.#follow(cell);
    this.dispatchEvent(new CustomEvent("word", { detail: { word, position: seconds } }));
  }

  #makeCell(word, marks) {
    const before = this.#cells.get(word.key);
    const keeps = before?.word.text === word.text && before.cell.isConnected;
    const contour = keeps ? before.contour : draw("svg.contour", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    const spelled = make("button.spelled", {
      type: "button", tabindex: -1, onclick: () => this.dispatchEvent(new CustomEvent("hear", { detail: { word } })),
      onfocus: () => this.#attend(word, "spelled"),
    }, word.text);
    const phonemes = make("button.phonemes", { type: "button", tabindex: -1, onclick: () => this.#edit(word), onfocus: () => this.#attend(word, "phonemes") });
    const line = make("span.line", {}, marks.before, spelled, marks.after);
    const cell = make("li.cell", { "data-key": word.key }, contour, line, phonemes);
    if (keeps) {
      cell.classList.add("stale");
      cell.style.minWidth = before.cell.style.minWidth;
    }
    const made = { cell, word, spelled, phonemes, contour };
    this.#cells.set(word.key, made);
    this.#spell(made);
    return cell;
  }

  #spell({ cell, word, phonemes }) {
    const edit = this.#edits.get(word.key);
    phonemes.textContent = edit?.phonemes ?? word.phonemes;
    cell.classList.toggle("changed", Boolean(edit));
    cell.classList.toggle("guessed", word.source in GUESSED && !edit);
    const told = edit ? ", changed" : GUESSED[word.source] ? `, ${GUESSED[word.source]}` : "";
    phonemes.setAttribute("aria-label", `${phonemes.textContent}, phonemes of ${word.text}${told}`);
    phonemes.title = edit ? `was ${edit.original}` : word.source ? `from: ${word.source}` : "";
    phonemes.hidden = !word.phonemes && !edit;
  }

  #edit(word) {
    const { phonemes } = this.#cells.get(word.key);
    this.#editor.open(phonemes, word, this.#edits.get(word.key)?.original, (value, again) => {
      if (value !== null) this.dispatchEvent(new CustomEvent("edit", { detail: { word, phonemes: value, again } }));
    });
  }

  #follow(cell) {
    if (performance.now() - this.#scrolled < REST_MS || this.#editor.isOpen) return;
    const [box, frame] = [cell.getBoundingClientRect(), this.#frame.getBoundingClientRect()];
    const isInSight = frame.bottom > 80 && frame.top < innerHeight - 80;
    if (isInSight && (box.top < 0 || box.bottom > innerHeight - 90)) cell.scrollIntoView({ block: "center", behavior: isCalm() ? "auto" : "smooth" });
  }

  // --- the keyboard: one element of the score takes part in the order of Tab, arrows move from it

  #attend(word, lane) {
    this.#focus = { key: word.key, lane };
    this.#rove();
  }

  #focused() {
    const found = this.#cells.get(this.#focus.key);
    return found?.[found.phonemes.offsetParent || this.#focus.lane === "spelled" ? this.#focus.lane : "spelled"];
  }

  #rove() {
    for (const element of this.#frame.querySelectorAll('[tabindex="0"]')) element.tabIndex = -1;
    const element = this.#focused();
    if (element) element.tabIndex = 0;
  }

  #move(event) {
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const words = this.#run?.words ?? [];
    const at = words.findIndex((word) => word.key === this.#focus.key);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: words.length - 1 }[event.key];
    const lane = { ArrowDown: "phonemes", ArrowUp: "spelled" }[event.key];
    if (words[to]) this.#focus.key = words[to].key;
    else if (lane) this.#focus.lane = lane;
    else return;
    event.preventDefault();
    this.#rove();
    this.#focused()?.focus();
  }
}

/** Find the marks that stand at a word: what touches it of the text between it and its neighbours. */
function findMarks(text, from, word, to) {
  const before = /[^\s\p{L}\p{N}[\]()/<>{}]{0,3}$/u.exec(text.slice(from, word.from))[0];
  const gap = text.slice(word.to, to);
  const after = /^[^\s\p{L}\p{N}[\]/<>{}]{0,4}/u.exec(gap)[0];
  const touches = after.length === gap.length && to < text.length; // `well-known`: the mark belongs to the first word
  const isOwn = from === 0 || /\s/.test(text.slice(from, word.from));
  return { before: isOwn ? before : "", after: touches ? gap : after };
}

/** The page: joins its parts. What is spoken is a run; one run is shown and heard at a time. */

import { Comparison } from "./compare.js";
import { find, isCalm, make, tell } from "./dom.js";
import { makeDownloads } from "./downloads.js";
import { Editor } from "./editor.js";
import { Edits } from "./edits.js";
import { HistoryList } from "./history.js";
import { askKey, prepareKeyDialog } from "./key.js";
import { Params } from "./params.js";
import { Player } from "./player.js";
import { Run } from "./run.js";
import { Score } from "./score.js";
import { Server } from "./server.js";
import { StageFigure } from "./stages.js";
import { prepareTheme } from "./theme.js";
import { spellCount, spellDuration } from "./units.js";
import { VoiceMixer } from "./voices.js";
import { Wave } from "./wave.js";

class Page {
  #graph;
  #run = null;
  #edits = new Edits();
  #abort = null;
  #frame = null; // that will show what came
  #spoken = []; // the parts that came since the last one

  constructor(server, graph) {
    this.#graph = graph;
    this.server = server;
    this.editor = new Editor(graph);
    this.player = new Player();
    this.player.rate = graph.rate;
    this.voices = new VoiceMixer(find("voices"), graph.takes_voice ? graph : { voices: [], voice: null });
    this.params = new Params(find("params"), graph);
    this.score = new Score(find("score"), find("edit-bar"), graph.symbols);
    this.stages = new StageFigure(graph, find("graph"), find("stage-detail"), find("stage-table"));
    this.wave = new Wave(find("wave"), this.player);
    this.comparison = new Comparison(find("sides"), find("compare-figure"), graph);
    this.history = new HistoryList(find("history"), find("history-clear"), graph.stages.map((stage) => stage.name));
    makeDownloads(find("downloads"), { server, getRun: () => this.#run, fail: (error) => this.#fail(error), status: find("status") });
    this.#prepare();
    this.#tick();
  }

  // --- what people do

  #prepare() {
    const { model, stages, voices, rate } = this.#graph;
    const facts = [model, spellCount(stages.length, "stage"), voices.length ? spellCount(voices.length, "voice") : null, `${rate / 1000} kHz`];
    find("facts").textContent = facts.filter(Boolean).join(" · ");
    find("shortcut").textContent = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘ Enter" : "Ctrl Enter";
    const on = (id, event, act) => find(id).addEventListener(event, act);
    on("speak", "click", () => this.speak());
    on("stop", "click", () => this.stop());
    on("read", "click", () => this.#read());
    on("play", "click", () => this.#toggle());
    on("changes-undo", "click", () => this.#undoEdits());
    on("compare-speak", "click", () => this.#speakBoth());
    on("compare-swap", "click", () => this.comparison.swap(this.player.state === "ended" ? 0 : this.player.position));
    addEventListener("keydown", (event) => this.#press(event));
    this.score.addEventListener("hear", ({ detail }) => this.#hear(detail.word));
    this.score.addEventListener("edit", ({ detail }) => this.#edit(detail));
    this.history.addEventListener("restore", ({ detail }) => this.#restore(detail.run));
    this.comparison.addEventListener("play", ({ detail }) => this.#play(detail.run, detail.at));
    this.comparison.addEventListener("change", () => { find("compare-swap").disabled = !this.comparison.isReady; });
    for (const name of ["load", "playing", "waiting", "pause", "ended", "seeked"]) this.player.addEventListener(name, () => this.#showPlayer(name));
    this.#prepareSwitches();
  }

  #prepareSwitches() {
    for (const [name, label] of [["phonemes", "Phonemes"], ["curves", "Pitch"]]) {
      const box = make("input", { type: "checkbox", checked: true, onchange: () => find("score").classList.toggle(`no-${name}`, !box.checked) });
      find("score-switches").append(make("label.switch", {}, box, make("span", {}, label)));
    }
  }

  #press(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.speak();
    } else if (event.key === "Escape" && this.#abort && !event.defaultPrevented) this.stop();
  }

  // --- speaking

  /** Make the run of what is written, with settings: {voice, params}. */
  #makeRun({ voice, params } = { voice: this.voices.value, params: this.params.value }) {
    const { kind, text } = this.editor;
    this.#edits.take(text);
    const edits = kind === "text" ? this.#edits.toRequest() : [];
    const run = new Run({ [kind]: text, voice: this.#graph.takes_voice ? voice : null, params, edits }, this.#graph.rate);
    run.edits = this.#edits.store();
    return run;
  }

  /** Speak what is written. `from` is the word at which it is heard first. */
  async speak(from = null) {
    if (this.editor.isEmpty) return this.#fail(new Error("Write something to speak."));
    await this.player.wake();
    const [before, run] = [this.#run, this.#makeRun()];
    this.#show(run);
    if (from) run.addEventListener("spoken", () => this.#playFrom(run, from));
    else this.player.play(0);
    await this.#follow(run);
    if (run !== this.#run || run.isWhole) return;
    if (run.rows.length) this.score.trim();
    else if (before) this.#show(before); // refused: what can be corrected stays
  }

  async #speakBoth() {
    if (this.editor.isEmpty) return;
    await this.player.wake();
    for (const [index, settings] of this.comparison.settings.entries()) {
      const run = this.#makeRun(settings);
      this.comparison.begin(index, run);
      if (index === 0) {
        this.#show(run);
        this.player.play(0);
      }
      if (!(await this.#follow(run))) return;
    }
  }

  /** Take the events of a run; gives whether it came to its end. */
  async #follow(run) {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#busy(true);
    tell(find("alert"), "");
    try {
      for await (const event of this.server.speak(run.request, abort.signal)) this.#take(run, event);
      if (run.isWhole) await this.history.add(run);
    } catch (error) {
      this.#flush();
      run.close(abort.signal.aborted ? "stopped" : "failed");
      if (!abort.signal.aborted) this.#fail(error);
      if (run === this.#run) this.player.pause();
    } finally {
      if (this.#abort === abort) this.#busy(false);
    }
    return run.isWhole;
  }

  #take(run, event) {
    run.take(event);
    if (run !== this.#run) return;
    const { type, row, part } = event;
    if (type === "opened") this.#open(row);
    if (type === "spoken") this.#spoken.push({ row, part });
    this.#frame ??= requestAnimationFrame(() => this.#update());
  }

  /** Show at once what would be shown in the next frame. */
  #flush() {
    if (this.#frame === null) return;
    cancelAnimationFrame(this.#frame);
    this.#update();
  }

  /** Show what came since the last frame: a fast server tells more than a browser can draw. */
  #update() {
    this.#frame = null;
    const run = this.#run;
    if (run.isWhole) {
      this.score.time();
      this.score.trim();
    } else if (this.#spoken.length) this.score.time(this.#spoken);
    if (run.isWhole || this.#spoken.length) this.wave.draw();
    this.#spoken = [];
    this.stages.update();
    this.#tellState(run);
  }

  #open(row) {
    this.score.open(row);
    find("score-lead").hidden = true;
  }

  /** Stop: the server is told by the end of the connection. */
  stop() {
    this.#abort?.abort();
    this.#flush();
    this.player.pause();
    this.#busy(false);
    tell(find("status"), "Stopped.");
  }

  #busy(isBusy) {
    if (!isBusy) this.#abort = null;
    find("stop").disabled = !isBusy;
    document.body.classList.toggle("busy", isBusy);
  }

  async #read() {
    if (this.editor.isEmpty) return;
    tell(find("alert"), "");
    try {
      const run = this.#makeRun();
      const { rows } = await this.server.phonemize(run.request);
      for (const row of rows) run.take({ type: "opened", ...row });
      run.sound.end();
      this.#show(run);
      tell(find("status"), `${spellCount(run.words.length, "word")}. Press phonemes to change them.`);
    } catch (error) {
      this.#fail(error);
    }
  }

  // --- one run is shown and heard

  #show(run) {
    [this.#run, this.#spoken] = [run, []];
    this.player.load(run.sound);
    this.wave.show(run);
    this.score.show(run, this.#edits);
    this.#showEdits();
    this.stages.show(run);
    this.comparison.attend(run);
    find("score-lead").hidden = run.words.length > 0;
  }

  #play(run, at) {
    if (run !== this.#run) this.#show(run);
    this.#tellState(run);
    this.player.play(at);
  }

  #hear(word) {
    if (word.start === null) this.speak(word);
    else this.player.play(word.start);
  }

  /** Play from a word as soon as it is there, once. */
  #playFrom(run, from) {
    const word = run.words.find((one) => one.key === from.key);
    if (run !== this.#run || run.isHeard || !word || word.start === null) return;
    run.isHeard = true;
    this.player.play(word.start);
  }

  #edit({ word, phonemes, again }) {
    this.#edits.set(word, phonemes);
    this.score.mark(word);
    this.#showEdits();
    if (again) this.speak(word.index > 0 ? { key: `${word.row}:${word.index - 1}` } : word);
    else tell(find("status"), `${spellCount(this.#edits.size, "change")}, not spoken yet.`);
  }

  #undoEdits() {
    this.#edits.clear();
    this.speak();
  }

  #showEdits() {
    const { size } = this.#edits;
    find("changes").hidden = size === 0;
    find("changes-count").textContent = `${spellCount(size, "word")} changed.`;
  }

  #restore(run) {
    const { text, phonemes, voice, params } = run.request;
    this.editor.write(text === undefined ? "phonemes" : "text", text ?? phonemes);
    if (voice) this.voices.value = voice;
    this.params.value = params;
    this.#edits.restore(this.editor.text, run.edits);
    this.#show(run);
    this.#tellState(run);
    find("score-card").scrollIntoView({ behavior: isCalm() ? "auto" : "smooth" });
    this.player.play(0);
  }

  #toggle() {
    if (this.player.state === "playing" || this.player.state === "waiting") this.player.pause();
    else this.player.play();
  }

  // --- what people see

  #tellState(run) {
    const { ran, hits } = run.countStages();
    const made = `${spellDuration(run.seconds)} of speech`;
    if (run.isWhole) tell(find("status"), `${made} in ${spellDuration(run.totalSeconds)}, the first after ${spellDuration(run.firstSeconds)}. ${spellCount(ran, "stage")} ran, ${hits} came from the cache.`);
    else if (run.parts.length) tell(find("status"), `${made} so far.`);
    else tell(find("status"), "Reading …");
    const names = run.countStages().names;
    find("stages-lead").textContent = run.isWhole && names.hits.length ? `Ran: ${names.ran.join(", ") || "none"}. From the cache: ${names.hits.join(", ")}.` : "The graph of this model. It fills as stages run; what is known already comes from the cache.";
  }

  #showPlayer(event) {
    const isOn = this.player.state === "playing" || this.player.state === "waiting";
    find("player").dataset.state = this.player.state;
    find("play").disabled = !this.#run?.seconds && !isOn;
    find("play").setAttribute("aria-label", isOn ? "Pause" : "Play");
    find("player").dispatchEvent(new CustomEvent(event, { detail: { position: this.player.position } }));
    this.wave.tick();
  }

  #tick() {
    if (this.player.state === "playing") {
      this.wave.tick();
      this.score.highlight(this.player.position, true);
      if (!isCalm()) find("pulse").style.scale = 1 + this.player.level;
    } else if (this.player.state === "ended") {
      this.score.highlight(null);
      find("pulse").style.scale = 1;
    }
    requestAnimationFrame(() => this.#tick());
  }

  #fail(error) {
    tell(find("status"), "");
    tell(find("alert"), error.message);
  }
}

async function begin() {
  prepareTheme(find("theme"));
  prepareKeyDialog();
  const server = new Server(askKey);
  try {
    new Page(server, await server.graph());
  } catch (error) {
    tell(find("alert"), error.message);
    throw error;
  }
  find("key").hidden = !server.hasKey;
  find("key").addEventListener("click", () => { server.forgetKey(); location.reload(); });
}

begin();

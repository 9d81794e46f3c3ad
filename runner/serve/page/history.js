/** Keeps the last runs in this browser, with their audio, and lists them. */

import { make } from "./dom.js";
import { Run } from "./run.js";
import { makeStageTable } from "./stages.js";
import { spellCount, spellDuration, spellTime } from "./units.js";
import { spellMix } from "./voices.js";

const [NAME, RUNS, SOUNDS, MOST] = ["kokoro-run", "runs", "sounds", 40];

/** The runs in the database of the browser, their audio apart; in memory, where there is no database. */
export class RunStore {
  #database;
  #memory = { [RUNS]: new Map(), [SOUNDS]: new Map() };

  constructor() {
    this.#database = open().catch(() => null); // of a private window: runs are kept until it is closed
  }

  /** Give all runs without their audio, the newest first. */
  async list() {
    const database = await this.#database;
    const found = database ? await ask(database, RUNS, "readonly", (store) => store.getAll()) : [...this.#memory[RUNS].values()];
    return found.sort((one, other) => other.began - one.began);
  }

  /** Give the audio of a run, by the time at which the run began: samples of 16 bits. */
  async loadSamples(began) {
    const database = await this.#database;
    const found = database ? await ask(database, SOUNDS, "readonly", (store) => store.get(began)) : this.#memory[SOUNDS].get(began);
    return found.samples;
  }

  /** Add a run, in place of the oldest one if there are many. */
  async add({ samples, ...run }) {
    const old = (await this.list()).slice(MOST - 1);
    for (const { began } of old) await this.remove(began);
    await this.#put(SOUNDS, { began: run.began, samples });
    await this.#put(RUNS, run);
  }

  /** Remove a run, by the time at which it began. */
  async remove(began) {
    await this.#change((store) => store.delete(began), (map) => map.delete(began));
  }

  /** Remove all runs. */
  async clear() {
    await this.#change((store) => store.clear(), (map) => map.clear());
  }

  async #put(name, value) {
    const database = await this.#database;
    if (database) await ask(database, name, "readwrite", (store) => store.put(value));
    else this.#memory[name].set(value.began, value);
  }

  async #change(inDatabase, inMemory) {
    const database = await this.#database;
    for (const name of [RUNS, SOUNDS]) {
      if (database) await ask(database, name, "readwrite", inDatabase);
      else inMemory(this.#memory[name]);
    }
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => [RUNS, SOUNDS].forEach((name) => request.result.createObjectStore(name, { keyPath: "began" }));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function ask(database, name, mode, act) {
  return new Promise((resolve, reject) => {
    const request = act(database.transaction(name, mode).objectStore(name));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** The list of runs on the page. Event: restore {run}. */
export class HistoryList extends EventTarget {
  #list;
  #clear;
  #names;
  #store = new RunStore();

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} clear removes all.
   * @param {string[]} names of the stages, in the order of the graph.
   */
  constructor(list, clear, names) {
    super();
    [this.#list, this.#clear, this.#names] = [list, clear, names];
    clear.addEventListener("click", async () => {
      await this.#store.clear();
      await this.update();
    });
    this.update();
  }

  /** Keep a run; where the browser has no room for it, it is not kept. */
  async add(run) {
    await this.#store.add(run.store()).catch(() => null);
    await this.update();
  }

  /** Show what is kept. */
  async update() {
    const runs = await this.#store.list();
    this.#clear.hidden = runs.length === 0;
    const none = make("li.none", {}, "Nothing yet.");
    this.#list.replaceChildren(...(runs.length ? runs.map((stored) => this.#drawEntry(stored)) : [none]));
  }

  #drawEntry(stored) {
    const run = Run.restore({ ...stored, samples: new Int16Array() });
    const { request } = stored;
    const text = request.text ?? request.phonemes;
    const { ran, hits } = run.countStages();
    const restore = async () => {
      const samples = await this.#store.loadSamples(stored.began);
      this.dispatchEvent(new CustomEvent("restore", { detail: { run: Run.restore({ ...stored, samples }) } }));
    };
    const remove = async () => {
      await this.#store.remove(stored.began);
      await this.update();
    };
    const facts = [
      new Date(stored.began).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }), spellMix(request.voice),
      request.params.speed && request.params.speed !== 1 ? `${request.params.speed} ×` : null, request.params.lang,
      request.edits?.length ? spellCount(request.edits.length, "change") : null,
      `${spellTime(stored.seconds, true)} made in ${spellDuration(run.totalSeconds ?? 0)}`,
    ];
    const summary = make("summary", {}, `${spellCount(ran, "stage")} ran, ${hits} from the cache`);
    return make("li.entry", {},
      make("button.entry-text", { type: "button", onclick: restore, "aria-label": `Show and hear again: ${text.slice(0, 80)}` }, shorten(text)),
      make("p.facts", {}, facts.filter(Boolean).join(" · ")),
      make("details.fold", {}, summary, makeStageTable(this.#names, run.stages)),
      make("button.quiet.icon", { type: "button", "aria-label": `Remove: ${text.slice(0, 40)}`, onclick: remove }, "×"));
  }
}

function shorten(text) {
  const most = 110;
  return text.length <= most ? text : `${text.slice(0, most).replace(/\s+\S*$/, "")} …`;
}

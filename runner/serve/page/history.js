/** Keeps the last runs in this browser, with their audio, and lists them. */

import { make } from "./dom.js";
import { Run } from "./run.js";
import { makeStageTable } from "./stages.js";
import { spellCount, spellDuration, spellTime } from "./units.js";
import { spellMix } from "./voices.js";

const [NAME, STORE, MOST] = ["kokoro-run", "runs", 40];

/** The runs in the database of the browser; in memory, where there is none. */
export class RunStore {
  #database;
  #memory = new Map();

  constructor() {
    this.#database = open().catch(() => null); // of a private window: runs are kept until it is closed
  }

  /** Give all runs, the newest first. */
  async list() {
    const database = await this.#database;
    const found = database ? await ask(database, "readonly", (store) => store.getAll()) : [...this.#memory.values()];
    return found.sort((one, other) => other.began - one.began);
  }

  /** Add a run, in place of the oldest one if there are many. */
  async add(stored) {
    const old = (await this.list()).slice(MOST - 1);
    for (const { began } of old) await this.remove(began);
    await this.#change((store) => store.put(stored), () => this.#memory.set(stored.began, stored));
  }

  /** Remove a run, by the time at which it began. */
  async remove(began) {
    await this.#change((store) => store.delete(began), () => this.#memory.delete(began));
  }

  /** Remove all runs. */
  async clear() {
    await this.#change((store) => store.clear(), () => this.#memory.clear());
  }

  async #change(inDatabase, inMemory) {
    const database = await this.#database;
    if (database) await ask(database, "readwrite", inDatabase);
    else inMemory();
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "began" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function ask(database, mode, act) {
  return new Promise((resolve, reject) => {
    const request = act(database.transaction(STORE, mode).objectStore(STORE));
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

  /** Keep a run. */
  async add(run) {
    await this.#store.add(run.store());
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
    const run = Run.restore(stored);
    const { request } = stored;
    const text = request.text ?? request.phonemes;
    const { ran, hits } = run.countStages();
    const restore = () => this.dispatchEvent(new CustomEvent("restore", { detail: { run: Run.restore(stored) } }));
    const remove = async () => {
      await this.#store.remove(stored.began);
      await this.update();
    };
    const facts = [
      new Date(stored.began).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }), spellMix(request.voice),
      request.params.speed && request.params.speed !== 1 ? `${request.params.speed} ×` : null, request.params.lang,
      request.edits?.length ? spellCount(request.edits.length, "change") : null,
      `${spellTime(run.seconds, true)} made in ${spellDuration(run.totalSeconds ?? 0)}`,
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

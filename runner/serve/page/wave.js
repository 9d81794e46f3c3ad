/** Shows the whole sound as a picture under a slider: where it stands, what is there already, and where to go. */

import { draw, find, make } from "./dom.js";
import { spellTime } from "./units.js";

const BAR_PX = 3;
const STEP_S = 0.02;

export class Wave {
  #player;
  #run = null;
  #bars = [];
  #played = 0; // bars
  #range;
  #figure;

  constructor(frame, player) {
    this.#player = player;
    this.#figure = draw("svg.bars", { "aria-hidden": "true", preserveAspectRatio: "none" });
    this.#range = make("input", {
      type: "range", id: "seek", min: 0, max: 1, step: STEP_S, value: 0, disabled: true, "aria-label": "Place in the audio",
      oninput: () => player.seek(Number(this.#range.value)),
    });
    frame.append(this.#figure, this.#range);
    new ResizeObserver(() => this.draw()).observe(frame);
  }

  /** Take the run whose sound is played. */
  show(run) {
    this.#run = run;
    this.#range.disabled = !run;
    this.draw();
  }

  /** Draw the peaks of what is there. */
  draw() {
    if (!this.#run) return;
    const { clientWidth: width, clientHeight: height } = this.#figure.parentElement;
    const seconds = Math.max(this.#run.seconds, 0.1);
    const columns = Math.max(1, Math.floor(width / BAR_PX));
    const peaks = this.#run.sound.peaks(columns, seconds);
    const most = Math.max(0.05, ...peaks);
    this.#figure.setAttribute("viewBox", `0 0 ${columns * BAR_PX} ${height}`);
    this.#bars = [...peaks].map((peak, column) => {
      const tall = Math.max(2, (peak / most) * (height - 4));
      return draw("rect", { x: column * BAR_PX, y: (height - tall) / 2, width: BAR_PX - 1, height: tall, rx: 1 });
    });
    this.#figure.replaceChildren(...this.#bars);
    this.#played = 0;
    this.#range.max = seconds.toFixed(3);
    this.tick();
  }

  /** Show where the sound stands. */
  tick() {
    if (!this.#run) return;
    const { position } = this.#player;
    const seconds = Math.max(this.#run.seconds, 0.1);
    const played = Math.round((position / seconds) * this.#bars.length);
    const [from, to] = [Math.min(played, this.#played), Math.max(played, this.#played)];
    for (const bar of this.#bars.slice(from, to)) bar.classList.toggle("played", played > this.#played);
    this.#played = played;
    this.#range.value = position;
    const word = this.#run.wordAt(position);
    const told = `${spellTime(position)} of ${spellTime(seconds)}${word ? `, ${word.text}` : ""}`;
    const time = `${spellTime(position)} / ${spellTime(seconds)}${this.#run.sound.isWhole ? "" : " …"}`;
    if (this.#range.getAttribute("aria-valuetext") !== told) this.#range.setAttribute("aria-valuetext", told);
    if (find("time").textContent !== time) find("time").textContent = time;
  }
}

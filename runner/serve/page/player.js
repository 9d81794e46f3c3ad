/**
 * Plays a sound while it is still being made, sample for sample where one chunk follows another.
 *
 *   load --> paused --play--> playing --(nothing more is there yet)--> waiting --(a chunk comes)--> playing --> ended
 *
 * Events: load, playing, waiting, pause, seeked, ended; as those of a media element.
 */

const LEAD_S = 0.06; // from a call of `play` to the first sample: what the audio thread needs to be ready

export class Player extends EventTarget {
  #context = null;
  #analyser = null;
  #sources = new Set();
  #origin = 0; // the context's time at which the sound began
  #held = 0; // where it stands while it does not play
  #leave = null;

  constructor() {
    super();
    this.sound = null;
    this.state = "empty";
    this.rate = 24000; // of what will be played: with the same rate, the joints of chunks are exact
  }

  /** Where the sound stands, as it is heard [s]. */
  get position() {
    if (this.state !== "playing") return this.#held;
    const heard = this.#context.currentTime - this.#origin - this.#latency;
    return Math.min(Math.max(heard, this.#held), this.sound.seconds);
  }

  /** The loudness that is heard now, from 0 to 1. */
  get level() {
    if (this.state !== "playing") return 0;
    const samples = new Float32Array(this.#analyser.fftSize);
    this.#analyser.getFloatTimeDomainData(samples);
    return Math.min(1, Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length) * 4);
  }

  /** Take a sound in place of the one before. */
  load(sound) {
    this.#silence();
    this.#leave?.();
    this.sound = sound;
    const [onChunk, onEnd] = [({ detail }) => this.#take(detail), () => this.#finish()];
    sound.addEventListener("chunk", onChunk);
    sound.addEventListener("end", onEnd);
    this.#leave = () => {
      sound.removeEventListener("chunk", onChunk);
      sound.removeEventListener("end", onEnd);
    };
    this.#held = 0;
    this.#become("paused", "load");
  }

  /** Make the audio of the machine ready; a browser allows it when a person has pressed something. */
  async wake() {
    if (!this.#context) {
      this.#context = new AudioContext({ latencyHint: "interactive", sampleRate: this.rate });
      this.#analyser = this.#context.createAnalyser();
      this.#analyser.fftSize = 1024;
      this.#analyser.connect(this.#context.destination);
    }
    if (this.#context.state !== "running") await this.#context.resume();
  }

  /** Play from a place [s]; from where it stands, or from the start if it stands at the end. */
  async play(from = this.position) {
    if (!this.sound) return;
    await this.wake();
    this.#silence();
    const atEnd = this.sound.isWhole && from >= this.sound.seconds - 0.01;
    this.#held = atEnd ? 0 : Math.max(0, from);
    if (this.#held >= this.sound.seconds) {
      this.#become(this.sound.isWhole ? "ended" : "waiting");
      return;
    }
    this.#origin = this.#context.currentTime + LEAD_S - this.#held;
    for (const chunk of this.sound.chunks) this.#schedule(chunk);
    this.#become("playing");
  }

  /** Stop where it stands. */
  pause() {
    if (this.state !== "playing" && this.state !== "waiting") return;
    this.#held = this.position;
    this.#silence();
    this.#become("paused", "pause");
  }

  /** Go to a place [s], and go on as before. */
  seek(to) {
    if (!this.sound) return;
    const goesOn = this.state === "playing" || this.state === "waiting";
    this.#held = Math.min(Math.max(0, to), this.sound.seconds);
    if (goesOn) {
      this.#silence();
      this.state = "paused";
      this.play(this.#held);
    } else if (this.state === "ended") this.state = "paused";
    this.dispatchEvent(new Event("seeked"));
  }

  get #latency() {
    return this.#context.outputLatency || this.#context.baseLatency || 0;
  }

  #become(state, event = state) {
    this.state = state;
    this.dispatchEvent(new Event(event));
  }

  #take(chunk) {
    if (this.state === "waiting") this.play(this.#held);
    else if (this.state === "playing") this.#schedule(chunk);
  }

  #schedule({ start, samples }) {
    const now = this.#context.currentTime;
    const late = Math.max(0, this.#held - start, now + 0.005 - (this.#origin + start));
    if (late * this.sound.rate >= samples.length) return;
    const buffer = this.#context.createBuffer(1, samples.length, this.sound.rate);
    buffer.copyToChannel(samples, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#analyser);
    source.onended = () => {
      this.#sources.delete(source);
      if (!this.#sources.size) this.#runOut();
    };
    source.start(Math.max(now, this.#origin + start + late), late);
    this.#sources.add(source);
  }

  /** Wait for the next chunk, or end. */
  #runOut() {
    if (this.state !== "playing") return;
    this.#held = this.sound.seconds;
    this.#become(this.sound.isWhole ? "ended" : "waiting");
  }

  #finish() {
    if (this.state === "waiting") this.#become("ended");
  }

  #silence() {
    for (const source of this.#sources) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.#sources.clear();
  }
}

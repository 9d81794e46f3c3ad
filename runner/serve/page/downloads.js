/** The menu of what can be saved: audio in each format, and the times of the words. */

import { make, tell } from "./dom.js";
import { makeJson, makeSrt, makeVtt } from "./timings.js";

const FORMATS = [
  ["mp3", "MP3", "plays everywhere"], ["opus", "Opus", "smallest"], ["aac", "AAC", "for Apple"],
  ["flac", "FLAC", "without loss"], ["wav", "WAV", "16 bits"], ["pcm", "PCM", "raw samples"],
];
const TIMINGS = [
  ["json", "JSON", "words and phonemes", makeJson, "application/json"], ["srt", "SRT", "subtitles", makeSrt, "application/x-subrip"],
  ["vtt", "WebVTT", "subtitles", makeVtt, "text/vtt"],
];

/**
 * Fill a menu.
 *
 * @param {HTMLElement} frame
 * @param {{server: Server, getRun: () => Run|null, fail: (error: Error) => void, status: HTMLElement}} page
 */
export function makeDownloads(frame, { server, getRun, fail, status }) {
  const menu = make("details.pop", {},
    make("summary", {}, "Save"),
    make("div.pop-body", {},
      make("p.pop-title", {}, "Audio"), ...FORMATS.map(([suffix, name, hint]) => makeItem(name, hint, () => saveAudio(suffix))),
      make("p.pop-title", {}, "Times of the words"), ...TIMINGS.map(([suffix, name, hint, write, type]) => makeItem(name, hint, () => saveTimes(suffix, write, type)))));
  frame.append(menu);
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  function makeItem(name, hint, act) {
    return make("button.pop-item", { type: "button", onclick: () => { menu.open = false; act().catch(fail); } }, make("b", {}, name), make("span", {}, hint));
  }

  function find() {
    const run = getRun();
    if (!run?.seconds) throw new Error("Speak something first: then it can be saved.");
    return run;
  }

  async function saveAudio(suffix) {
    const run = find();
    tell(status, `Making ${suffix} …`);
    save(await server.file(run.request, suffix), name(run, suffix));
    tell(status, `Saved as ${suffix}.`);
  }

  async function saveTimes(suffix, write, type) {
    const run = find();
    save(new Blob([write(run)], { type }), name(run, suffix));
    tell(status, `Saved as ${suffix}.`);
  }
}

function name(run, suffix) {
  const text = (run.request.text ?? "phonemes").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  return `${text.slice(0, 40).replace(/-$/, "") || "speech"}.${suffix}`;
}

function save(blob, file) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: file });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

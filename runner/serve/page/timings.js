/** Writes the times of words: as JSON, and as subtitles. */

const LONGEST_CUE = 42; // characters
const LONGEST_GAP_S = 0.6;

/** Give the words of a run with their times, as JSON. */
export function makeJson(run) {
  const words = run.words.filter((word) => word.start !== null);
  const spell = ({ row, text, phonemes, source, start, end }) => ({ paragraph: row, text, phonemes, source: source || undefined, start, end });
  return `${JSON.stringify({ text: run.rows.map((row) => row.text).join("\n\n"), seconds: run.seconds, words: words.map(spell) }, null, 2)}\n`;
}

/** Give the subtitles of a run, as SubRip. */
export function makeSrt(run) {
  const cues = makeCues(run);
  return cues.map((cue, number) => `${number + 1}\n${spell(cue.start, ",")} --> ${spell(cue.end, ",")}\n${cue.text}\n`).join("\n");
}

/** Give the subtitles of a run, as WebVTT. */
export function makeVtt(run) {
  const cues = makeCues(run);
  return `WEBVTT\n\n${cues.map((cue) => `${spell(cue.start, ".")} --> ${spell(cue.end, ".")}\n${cue.text}\n`).join("\n")}`;
}

/** Cut the words into lines: at the ends of sentences, at silences, and where a line is long. */
export function makeCues(run) {
  const cues = [];
  for (const row of run.rows) {
    let cue = null;
    for (const [index, word] of row.words.entries()) {
      if (word.start === null) continue;
      const after = row.text.slice(word.to, row.words[index + 1]?.from ?? row.text.length);
      const piece = row.text.slice(word.from, word.to) + /^[^\s[<]*/.exec(after)[0];
      const isFull = cue && (cue.text.length + piece.length >= LONGEST_CUE || word.start - cue.end > LONGEST_GAP_S);
      if (!cue || cue.isClosed || isFull) cues.push((cue = { start: word.start, end: word.end, text: piece }));
      else cue.text += ` ${piece}`;
      cue.end = word.end;
      cue.isClosed = /[.!?…]["”’)]*$/.test(piece);
    }
  }
  return cues;
}

function spell(seconds, point) {
  const ms = Math.round(seconds * 1000);
  const parts = [Math.floor(ms / 3600000), Math.floor(ms / 60000) % 60, Math.floor(ms / 1000) % 60];
  return `${parts.map((part) => String(part).padStart(2, "0")).join(":")}${point}${String(ms % 1000).padStart(3, "0")}`;
}

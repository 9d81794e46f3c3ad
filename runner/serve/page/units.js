/** Spells quantities for people. */

/** Spell a place in audio: 1:07, with tenths 1:07.3. */
export function spellTime(seconds, tenths = false) {
  const whole = tenths ? Math.round(seconds * 10) / 10 : Math.floor(seconds + 1e-6);
  const minutes = Math.floor(whole / 60);
  const rest = tenths ? (whole - minutes * 60).toFixed(1).padStart(4, "0") : String(whole - minutes * 60).padStart(2, "0");
  return `${minutes}:${rest}`;
}

/** Spell how long something took: 412 ms, 2.41 s. */
export function spellDuration(seconds) {
  if (seconds >= 100) return `${seconds.toFixed(0)} s`;
  if (seconds >= 1) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const ms = seconds * 1000;
  return ms >= 10 ? `${ms.toFixed(0)} ms` : ms >= 0.095 ? `${ms.toFixed(1)} ms` : "< 0.1 ms";
}

/** Spell a number of things: 1 word, 2 words. */
export function spellCount(number, one, several = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : several}`;
}

const PLACES = {
  a: "American", b: "British", e: "Spanish", f: "French", h: "Hindi", i: "Italian", j: "Japanese", p: "Brazilian", z: "Mandarin",
};

/** Spell the name of a voice: `af_heart` is Heart, American woman. Other names are left as they are. */
export function spellVoice(name) {
  const found = /^([abefhijpz])([fm])_([a-z]+)$/.exec(name);
  if (!found) return name;
  const [, place, kind, own] = found;
  return `${own[0].toUpperCase()}${own.slice(1)}, ${PLACES[place]} ${kind === "f" ? "woman" : "man"}`;
}

const LANGUAGES = {
  "en-us": "American English", "en-gb": "British English", es: "Spanish", fr: "French", hi: "Hindi", it: "Italian", "pt-br": "Brazilian Portuguese",
};

/** Spell the name of a language. */
export function spellLanguage(name) {
  return LANGUAGES[name] ?? name;
}

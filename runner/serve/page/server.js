/** Asks the server: the graph, speech as it is made, phonemes, and files of audio. */

const KEY = "kokoro-run key";

/** The server refused, or could not be reached. */
export class ServerError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export class Server {
  #askKey;

  /** @param {(wrong: boolean) => Promise<string|null>} askKey asks for a key; null for none. */
  constructor(askKey) {
    this.#askKey = askKey;
  }

  /** Whether requests are sent with a key. */
  get hasKey() {
    return sessionStorage.getItem(KEY) !== null;
  }

  /** Send no key any more. */
  forgetKey() {
    sessionStorage.removeItem(KEY);
  }

  /** Ask for the graph: what can be set, and its stages. */
  async graph() {
    return (await this.#ask("api/graph")).json();
  }

  /** Ask for the phonemes of a text, which is not spoken. */
  async phonemize(request, signal) {
    return (await this.#ask("api/phonemize", spell(request), signal)).json();
  }

  /** Ask for a file of audio, as any client does. */
  async file(request, format) {
    return (await this.#ask("v1/audio/speech", { ...spell(request), response_format: format })).blob();
  }

  /** Give the events of speech as they come. */
  async *speak(request, signal) {
    const answer = await this.#ask("api/speak", spell(request), signal);
    for await (const event of readEvents(answer.body)) {
      if (event.type === "error") throw new ServerError(event.message, 400);
      yield event;
    }
  }

  async #ask(path, body, signal) {
    for (;;) {
      const key = sessionStorage.getItem(KEY);
      const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
      const init = body === undefined ? { headers, signal } : {
        method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
      };
      const answer = await reach(new URL(path, document.baseURI), init);
      if (answer.ok) return answer;
      if (answer.status !== 401) throw await readError(answer);
      const given = await this.#askKey(key !== null);
      if (given === null) throw new ServerError("The server wants a key.", 401);
      sessionStorage.setItem(KEY, given);
    }
  }
}

/** Spell a request as OpenAI's endpoint takes it. */
function spell({ text, phonemes, voice, params, edits }) {
  const said = text === undefined ? { phonemes } : { input: text };
  return { model: "kokoro", ...said, voice: voice ?? undefined, ...params, edits: edits.length ? edits : undefined };
}

async function reach(url, init) {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server cannot be reached. Is it still running?");
  }
}

async function readError(answer) {
  const body = await answer.json().catch(() => ({}));
  const message = body.error?.message ?? `The server answered with status ${answer.status}.`;
  const wait = Number(answer.headers.get("Retry-After"));
  return new ServerError(wait ? `${message} Try again in ${wait} s.` : message, answer.status);
}

/** Read a stream of server-sent events, each with one line of JSON. */
async function* readEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    rest += value;
    const frames = rest.split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      if (frame.startsWith("data: ")) yield JSON.parse(frame.slice(6));
    }
  }
}

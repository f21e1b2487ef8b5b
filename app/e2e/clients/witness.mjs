// A process that asks what it is told to, and tells how each call of a library
// ended. It is told on stdin, a line of JSON for each call:
//
//   {"id": 1, "call": "openai chat", "model": "slow", "prompt": "…", "tokens": 100}
//
// and says {"id": 1, "began": true} when the first piece of a stream has come, and
// {"id": 1, "pieces": 7, "ended": false, "classes": ["APIError", …], "status": 0,
// "words": "…"} at the end. ended says that the end mark was there, or the whole
// answer; classes are those of what the library raised, none if it raised nothing.
import { createInterface } from 'node:readline';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import { base } from './check.mjs';

const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey: 'none', maxRetries: 0 });
const ollama = new Ollama({ host: base });

const temperature = 1.5; // Ollama breaks off an answer that repeats itself
const messages = (content) => [{ role: 'user', content }];
const native = ({ model, prompt, tokens }) => ({ model, prompt, options: { num_predict: tokens, temperature } });
const chat = ({ model, prompt, tokens }) => ({ model, messages: messages(prompt), max_tokens: tokens, temperature });

// Each call tells of every piece, and returns whether its answer was whole.
const calls = {
  'openai chat': async (asked, piece) => {
    let ended = false;
    for await (const c of await openai.chat.completions.create({ ...chat(asked), stream: true })) {
      ended ||= Boolean(c.choices[0]?.finish_reason);
      piece();
    }
    return ended;
  },
  'openai responses': async ({ model, prompt, tokens }, piece) => {
    let last;
    for await (const e of await openai.responses.create({ model, input: prompt, max_output_tokens: tokens, temperature, stream: true })) {
      last = e.type;
      if (last === 'response.output_text.delta') piece();
    }
    return ['response.completed', 'response.incomplete'].includes(last);
  },
  'openai whole': async (asked) => Boolean((await openai.chat.completions.create(chat(asked))).choices[0].finish_reason),
  'anthropic messages': async (asked, piece) => {
    let last;
    for await (const e of await anthropic.messages.create({ ...chat(asked), stream: true })) {
      last = e.type;
      if (last === 'content_block_delta') piece();
    }
    return last === 'message_stop';
  },
  'anthropic helper': async (asked, piece) => Boolean((await anthropic.messages.stream(chat(asked)).on('text', piece).finalMessage()).stop_reason),
  'anthropic whole': async (asked) => Boolean((await anthropic.messages.create(chat(asked))).stop_reason),
  'ollama generate': async (asked, piece) => {
    let ended = false;
    for await (const part of await ollama.generate({ ...native(asked), stream: true })) {
      ended = part.done;
      if (!ended) piece();
    }
    return ended;
  },
  'ollama whole': async (asked) => (await ollama.generate(native(asked))).done,
};

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

async function answer({ id, call, ...asked }) {
  const end = { id, pieces: 0, ended: false, classes: [], status: 0, words: '' };
  const piece = () => {
    if (end.pieces++ === 0) say({ id, began: true });
  };
  try {
    end.ended = await calls[call](asked, piece);
  } catch (e) {
    for (let of = Object.getPrototypeOf(e); of !== Object.prototype; of = Object.getPrototypeOf(of)) end.classes.push(of.constructor.name);
    end.status = e.status ?? e.status_code ?? 0;
    end.words = e.message;
  }
  say(end);
}

for await (const line of createInterface({ input: process.stdin })) answer(JSON.parse(line));

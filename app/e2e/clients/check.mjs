// What the checks of every client library share. A script of this folder is
// called with a base URL, a description of the engine behind it as JSON (the type
// described of the Go tests says what it holds) and, if not all, the names of the
// checks to run. It prints a line of JSON for each check:
//
//   {"check": "chat", "ok": true, "skipped": false, "detail": "…"}
//
// What the libraries print themselves goes to stderr.
import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';

console.log = console.info = console.debug = console.warn = console.error;
globalThis.AI_SDK_LOG_WARNINGS = false;

// Nothing here may reach another machine.
const reach = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const { hostname } = new URL(input instanceof Request ? input.url : input);
  assert.equal(hostname, '127.0.0.1', `a library wants to reach ${hostname}`);
  return reach(input, init);
};

export const [base, description, ...wanted] = process.argv.slice(2);
export const engine = JSON.parse(description);

class Skipped extends Error {}

/** need skips the check if the engine has nothing for it. */
export function need(what, name) {
  if (!what || engine.lacks?.includes(what)) {
    throw new Skipped(`the engine has no ${name ?? what}`);
  }
  return what;
}

/** run runs the checks one after another. A check may return a detail to print. */
export async function run(checks) {
  for (const [check, call] of Object.entries(checks)) {
    if (wanted.length > 0 && !wanted.includes(check)) continue;
    const line = { check, ok: true, skipped: false, detail: '' };
    try {
      line.detail = String((await within(60_000, call())) ?? '');
    } catch (e) {
      line.skipped = e instanceof Skipped;
      line.ok = line.skipped;
      line.detail = line.skipped ? e.message : tell(e);
    }
    process.stdout.write(JSON.stringify(line) + '\n');
  }
  process.exit();
}

function within(ms, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${ms / 1000} s`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function tell(e) {
  const cause = e?.cause ? `\ncaused by ${tell(e.cause)}` : '';
  return `${e?.stack ?? e}${cause}`;
}

/** fails returns what a call is rejected with. */
export async function fails(call) {
  try {
    await call;
  } catch (e) {
    return e;
  }
  assert.fail('it did not fail');
}

/** all reads an async iterable to its end. */
export async function all(items) {
  const got = [];
  for await (const item of items) got.push(item);
  return got;
}

export function text(s) {
  assert.equal(typeof s, 'string');
  assert.ok(s.trim().length > 0, 'an empty answer');
  return s;
}

/** vector checks an embedding and returns it as plain numbers. */
export function vector(v) {
  const numbers = Array.from(v);
  assert.ok(numbers.length > 1, `a vector of ${numbers.length}`);
  assert.ok(numbers.every(Number.isFinite) && numbers.some((x) => x !== 0), 'a vector of no numbers');
  return numbers;
}

export function near(a, b) {
  assert.equal(a.length, b.length);
  a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) < 1e-3, `number ${i} is ${x} and ${b[i]}`));
}

// The tool that is offered, and the form that an object is asked in.
export const weather = {
  name: 'get_weather',
  description: 'the weather in a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
export const form = {
  type: 'object',
  properties: { kind: { type: 'string', enum: ['cat', 'dog'] }, old: { type: 'boolean' } },
  required: ['kind', 'old'],
  additionalProperties: false,
};

export function formed(o) {
  assert.deepEqual(Object.keys(o).sort(), ['kind', 'old']);
  assert.ok(['cat', 'dog'].includes(o.kind) && typeof o.old === 'boolean', JSON.stringify(o));
  return JSON.stringify(o);
}

export function asksForWeather(name, input) {
  assert.equal(name, weather.name);
  assert.equal(typeof input, 'object');
  assert.equal(typeof input.city, 'string');
  return JSON.stringify(input);
}

/** picture is a small PNG of one colour. */
export function picture(red, green, blue, size = 28) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 2], 8); // 8 bits, red green blue
  const row = Buffer.from([0, ...Array(size).fill([red, green, blue]).flat()]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(Array(size).fill(row)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc(bytes) {
  let c = ~0;
  for (const b of bytes) {
    c ^= b;
    for (let i = 0; i < 8; i++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c >>> 0;
}

// LM Studio's own REST routes, with plain fetch.
import assert from 'node:assert/strict';
import { all, base, engine, need, run, text, vector } from './check.mjs';

const messages = [{ role: 'user', content: 'what is the time' }];

async function call(path, body, more = {}) {
  const prefix = need(engine.lmstudio, "routes of LM Studio's own");
  return fetch(new URL(prefix + path, base), {
    ...(body && { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    ...more,
  });
}

async function good(answer) {
  assert.equal(answer.status, 200, await (answer.status === 200 ? '' : answer.text()));
  return answer.json();
}

async function* lines(body) {
  let rest = '';
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + piece).split('\n');
    rest = parts.pop();
    yield* parts.filter(Boolean);
  }
}

await run({
  models: async () => {
    const { data } = await good(await call('/api/v0/models'));
    const found = data.find((m) => m.id === engine.chat);
    assert.ok(found, data.map((m) => m.id).join());
    assert.ok(['loaded', 'not-loaded'].includes(found.state), found.state);
  },
  model: async () => assert.equal((await good(await call(`/api/v0/models/${engine.chat}`))).id, engine.chat),
  modelsNext: async () => {
    const { models } = await good(await call('/api/v1/models'));
    assert.ok(models.some((m) => m.key === engine.chat), JSON.stringify(models));
  },
  chat: async () => {
    const { choices, stats } = await good(await call('/api/v0/chat/completions', { model: engine.chat, messages, temperature: 0, max_tokens: 16 }));
    assert.ok(stats.tokens_per_second > 0, JSON.stringify(stats));
    return text(choices[0].message.content);
  },
  stream: async () => {
    const answer = await call('/api/v0/chat/completions', { model: engine.chat, messages, temperature: 0, max_tokens: 16, stream: true });
    assert.match(answer.headers.get('content-type'), /^text\/event-stream/);
    const data = (await all(lines(answer.body))).filter((l) => l.startsWith('data: ')).map((l) => l.slice(6));
    assert.equal(data.at(-1), '[DONE]');
    return text(data.slice(0, -1).map((d) => JSON.parse(d).choices[0]?.delta?.content ?? '').join(''));
  },
  completions: async () => {
    const { choices } = await good(await call('/api/v0/completions', { model: engine.chat, prompt: 'the time is', temperature: 0, max_tokens: 16 }));
    return text(choices[0].text);
  },
  embed: async () => {
    const { data } = await good(await call('/api/v0/embeddings', { model: need(engine.embed, 'embeddings'), input: ['the first', 'a second'] }));
    assert.equal(data.length, 2);
    assert.notDeepEqual(vector(data[0].embedding), vector(data[1].embedding));
  },
  abort: async () => {
    const stop = new AbortController();
    const body = { model: engine.slow, messages, max_tokens: 1500, stream: true };
    const answer = await call('/api/v0/chat/completions', body, { signal: stop.signal });
    await assert.rejects(
      (async () => {
        for await (const _ of answer.body) stop.abort();
      })(),
      { name: 'AbortError' },
    );
  },
  unknownRoute: async () => {
    const answer = await call('/api/v0/no/such/route');
    return text((await answer.json()).error); // its status is 200
  },
});

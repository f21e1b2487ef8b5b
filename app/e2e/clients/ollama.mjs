// The checks of the npm package "ollama".
import assert from 'node:assert/strict';
import { Ollama } from 'ollama';
import { all, asksForWeather, base, engine, fails, form, formed, near, need, picture, run, text, vector, weather } from './check.mjs';

const client = new Ollama({ host: base });
const options = { temperature: 0, seed: 7, num_predict: 16 };
const messages = [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'what is the time' }];
const tools = [{ type: 'function', function: weather }];
const listed = (models, name) => models.some((m) => m.name === name || m.name === `${name}:latest`);

function counted(end) {
  assert.equal(end.done, true);
  assert.ok(['stop', 'length'].includes(end.done_reason), `done_reason ${end.done_reason}`);
  for (const n of ['prompt_eval_count', 'eval_count', 'total_duration', 'eval_duration']) {
    assert.ok(end[n] > 0, `${n} is ${end[n]}`);
  }
  assert.ok(!Number.isNaN(Date.parse(end.created_at)), `created_at ${end.created_at}`);
}

await run({
  version: async () => text((await client.version()).version),
  list: async () => assert.ok(listed((await client.list()).models, engine.chat)),
  show: async () => {
    const { details, capabilities } = await client.show({ model: engine.chat });
    assert.equal(typeof details, 'object');
    assert.ok(capabilities.includes('completion'), `it can ${capabilities}`);
  },
  ps: async () => {
    await client.chat({ model: engine.chat, messages, options });
    assert.ok(listed((await client.ps()).models, engine.chat));
  },
  generate: async () => {
    const end = await client.generate({ model: engine.chat, prompt: 'the time is', options });
    counted(end);
    return text(end.response);
  },
  generateStream: async () => {
    const parts = await all(await client.generate({ model: engine.chat, prompt: 'the time is', options, stream: true }));
    counted(parts.at(-1));
    return text(parts.map((p) => p.response).join(''));
  },
  chat: async () => {
    const end = await client.chat({ model: engine.chat, messages, options });
    counted(end);
    assert.equal(end.message.role, 'assistant');
    return text(end.message.content);
  },
  stream: async () => {
    const parts = await all(await client.chat({ model: engine.chat, messages, options, stream: true }));
    assert.ok(parts.length > 2, `${parts.length} pieces`);
    counted(parts.at(-1));
    return text(parts.map((p) => p.message.content).join(''));
  },
  tools: async () => {
    const { model, prompt } = need(engine.tools, 'tools');
    const { message } = await client.chat({ model, messages: [{ role: 'user', content: prompt }], tools, options: { temperature: 0, num_predict: 200 } });
    assert.equal(message.tool_calls?.length, 1);
    const { name, arguments: input } = message.tool_calls[0].function;
    return asksForWeather(name, input);
  },
  toolsStream: async () => {
    const { model, prompt } = need(engine.tools, 'tools');
    const parts = await all(await client.chat({ model, messages: [{ role: 'user', content: prompt }], tools, options: { temperature: 0, num_predict: 200 }, stream: true }));
    const calls = parts.flatMap((p) => p.message.tool_calls ?? []);
    assert.equal(calls.length, 1);
    assert.equal(parts.at(-1).done, true);
    return asksForWeather(calls[0].function.name, calls[0].function.arguments);
  },
  toolResult: async () => {
    const { model, prompt } = need(engine.tools, 'tools');
    const { message } = await client.chat({
      model, tools, options,
      messages: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: '', tool_calls: [{ function: { name: weather.name, arguments: { city: 'Rome' } } }] },
        { role: 'tool', tool_name: weather.name, content: 'dry' },
      ],
    });
    assert.equal(message.tool_calls, undefined);
    return text(message.content);
  },
  structured: async () => {
    const { response } = await client.generate({ model: need(engine.schema, 'schema'), prompt: 'an animal', format: form, options: { temperature: 0, num_predict: 200 } });
    return formed(JSON.parse(response));
  },
  json: async () => {
    const { model, prompt } = engine.object ?? { model: engine.chat, prompt: 'an animal' };
    const { message } = await client.chat({ model, messages: [{ role: 'user', content: prompt }], format: 'json', options: { temperature: 0, num_predict: 200 } });
    assert.equal(typeof JSON.parse(message.content), 'object');
    return message.content;
  },
  images: async () => {
    const model = need(engine.vision, 'vision');
    const { message } = await client.chat({ model, messages: [{ role: 'user', content: 'look', images: [new Uint8Array(picture(255, 0, 0))] }], options });
    return text(message.content);
  },
  thinking: async () => {
    const { model, prompt } = need(engine.thinking, 'thinking');
    const { message } = await client.chat({ model, messages: [{ role: 'user', content: prompt }], think: true, options: { temperature: 0, num_predict: 200 } });
    text(message.content);
    return text(message.thinking);
  },
  embed: async () => {
    const { embeddings } = await client.embed({ model: need(engine.embed, 'embeddings'), input: ['the first', 'a second', 'the first'] });
    assert.equal(embeddings.length, 3);
    near(vector(embeddings[0]), vector(embeddings[2]));
    assert.notDeepEqual(embeddings[0], embeddings[1]);
  },
  embeddings: async () => {
    vector((await client.embeddings({ model: need(engine.embed, 'embeddings'), prompt: 'the first' })).embedding);
  },
  abort: async () => {
    const stream = await client.chat({ model: engine.slow, messages, options: { num_predict: 1500 }, stream: true });
    const e = await fails(
      (async () => {
        for await (const _ of stream) stream.abort();
      })(),
    );
    assert.equal(e.name, 'AbortError');
  },
  notFound: async () => {
    need('unknown models');
    const e = await fails(client.chat({ model: 'nobody', messages, options }));
    assert.equal(e.name, 'ResponseError');
    assert.equal(e.status_code, 404);
    assert.match(e.message, /model ["']nobody["'] not found/);
  },
  notFoundStream: async () => {
    need('unknown models');
    const e = await fails(client.generate({ model: 'nobody', prompt: 'x', options, stream: true }));
    assert.equal(e.status_code, 404);
  },
  badRequest: async () => {
    const e = await fails(client.chat({ model: engine.chat, messages: 'what is the time' }));
    assert.equal(e.name, 'ResponseError');
    assert.equal(e.status_code, 400);
    return text(e.message);
  },
});

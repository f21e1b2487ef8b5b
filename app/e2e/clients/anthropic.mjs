// The checks of the npm package "@anthropic-ai/sdk".
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { all, asksForWeather, base, engine, fails, need, picture, run, text, weather } from './check.mjs';

const client = new Anthropic({ baseURL: base, apiKey: 'none', maxRetries: 0 });
const ask = { model: engine.chat, max_tokens: 16, temperature: 0, system: 'be brief', messages: [{ role: 'user', content: 'what is the time' }] };
const tools = [{ name: weather.name, description: weather.description, input_schema: weather.parameters }];
const calling = () => {
  const { model, prompt } = need(engine.tools, 'tools');
  return { model, tools, max_tokens: 200, temperature: 0, messages: [{ role: 'user', content: prompt }] };
};
const said = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');

function counted({ usage }) {
  assert.ok(usage.input_tokens > 0 && usage.output_tokens > 0, JSON.stringify(usage));
}

function asks(message) {
  assert.equal(message.stop_reason, 'tool_use');
  const calls = message.content.filter((b) => b.type === 'tool_use');
  assert.equal(calls.length, 1);
  assert.ok(calls[0].id);
  return asksForWeather(calls[0].name, calls[0].input);
}

await run({
  messages: async () => {
    const message = await client.messages.create(ask);
    counted(message);
    assert.equal(message.type, 'message');
    assert.equal(message.role, 'assistant');
    assert.ok(['end_turn', 'max_tokens'].includes(message.stop_reason), message.stop_reason);
    return text(said(message));
  },
  blocks: async () => {
    const message = await client.messages.create({
      ...ask,
      system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'what' }, { type: 'text', text: 'is the time' }] }],
    });
    return text(said(message));
  },
  events: async () => {
    const events = await all(await client.messages.create({ ...ask, stream: true }));
    const types = events.map((e) => e.type).filter((t) => t !== 'ping');
    assert.equal(types[0], 'message_start');
    assert.equal(types[1], 'content_block_start');
    assert.deepEqual(types.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
    assert.ok(types.slice(2, -3).every((t) => t === 'content_block_delta'), types.join());
    assert.ok(events.find((e) => e.type === 'message_delta').delta.stop_reason);
  },
  stream: async () => {
    const stream = client.messages.stream(ask);
    let heard = '';
    stream.on('text', (piece) => (heard += piece));
    const message = await stream.finalMessage();
    counted(message);
    assert.equal(said(message), heard);
    return text(heard);
  },
  tools: async () => asks(await client.messages.create(calling())),
  toolsStream: async () => asks(await client.messages.stream(calling()).finalMessage()),
  toolResult: async () => {
    const request = calling();
    const message = await client.messages.create({
      ...request,
      messages: [
        ...request.messages,
        { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: weather.name, input: { city: 'Rome' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'dry' }] },
      ],
    });
    assert.notEqual(message.stop_reason, 'tool_use');
    return text(said(message));
  },
  images: async () => {
    const source = { type: 'base64', media_type: 'image/png', data: picture(255, 0, 0).toString('base64') };
    const message = await client.messages.create({
      ...ask, model: need(engine.vision, 'vision'),
      messages: [{ role: 'user', content: [{ type: 'image', source }, { type: 'text', text: 'look' }] }],
    });
    return text(said(message));
  },
  thinking: async () => {
    const { model, prompt } = need(engine.thinking, 'thinking');
    const message = await client.messages.create({
      model, max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 }, messages: [{ role: 'user', content: prompt }],
    });
    text(said(message));
    return text(message.content.find((b) => b.type === 'thinking')?.thinking);
  },
  thinkingStream: async () => {
    const { model, prompt } = need(engine.thinking, 'thinking');
    const message = await client.messages.stream({
      model, max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 }, messages: [{ role: 'user', content: prompt }],
    }).finalMessage();
    assert.deepEqual(message.content.map((b) => b.type), ['thinking', 'text']);
    return text(message.content[0].thinking);
  },
  abort: async () => {
    const stream = client.messages.stream({ ...ask, model: engine.slow, max_tokens: 1500 });
    stream.on('text', () => stream.abort());
    assert.ok((await fails(stream.finalMessage())) instanceof Anthropic.APIUserAbortError);
  },
  notFound: async () => {
    need('unknown models');
    const e = await fails(client.messages.create({ ...ask, model: 'nobody' }));
    assert.ok(e instanceof Anthropic.NotFoundError, e);
    assert.equal(e.type, 'not_found_error');
    return text(e.apiMessage);
  },
  notFoundStream: async () => {
    need('unknown models');
    assert.ok((await fails(client.messages.stream({ ...ask, model: 'nobody' }).finalMessage())) instanceof Anthropic.NotFoundError);
  },
  badRequest: async () => {
    const e = await fails(client.messages.create({ ...ask, messages: 'what is the time' }));
    assert.ok(e instanceof Anthropic.BadRequestError, e);
    assert.equal(e.type, 'invalid_request_error');
    return text(e.apiMessage);
  },
});

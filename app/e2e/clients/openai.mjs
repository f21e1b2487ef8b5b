// The checks of the npm package "openai".
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { all, asksForWeather, base, engine, fails, form, formed, near, need, picture, run, text, vector, weather } from './check.mjs';

const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });
const told = { model: engine.chat, temperature: 0, seed: 7, max_tokens: 16 };
const messages = [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'what is the time' }];
const tools = [{ type: 'function', function: weather }];
const animal = z.object({ kind: z.enum(['cat', 'dog']), old: z.boolean() });

function counted(usage) {
  assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0, JSON.stringify(usage));
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

const calling = () => {
  const { model, prompt } = need(engine.tools, 'tools');
  return { model, tools, temperature: 0, max_tokens: 200, messages: [{ role: 'user', content: prompt }] };
};
const answered = (call) => [
  ...calling().messages,
  { role: 'assistant', content: null, tool_calls: [call] },
  { role: 'tool', tool_call_id: call.id, content: 'dry' },
];
const respondingTools = [{ type: 'function', strict: false, ...weather }];

await run({
  models: async () => {
    const found = await all(client.models.list());
    assert.ok(found.some((m) => m.id === engine.chat || m.id === `${engine.chat}:latest`), found.map((m) => m.id).join());
    assert.ok(found.every((m) => m.object === 'model' && typeof m.owned_by === 'string'));
  },
  model: async () => assert.equal((await client.models.retrieve(engine.chat)).object, 'model'),
  chat: async () => {
    const { choices, usage, object } = await client.chat.completions.create({ ...told, messages });
    counted(usage);
    assert.equal(object, 'chat.completion');
    assert.equal(choices[0].message.role, 'assistant');
    assert.ok(['stop', 'length'].includes(choices[0].finish_reason));
    return text(choices[0].message.content);
  },
  stream: async () => {
    const chunks = await all(await client.chat.completions.create({ ...told, messages, stream: true, stream_options: { include_usage: true } }));
    assert.ok(chunks.length > 2, `${chunks.length} chunks`);
    counted(chunks.at(-1).usage);
    assert.ok(chunks.some((c) => c.choices[0]?.finish_reason));
    return text(chunks.map((c) => c.choices[0]?.delta.content ?? '').join(''));
  },
  streamHelper: async () => {
    const stream = client.chat.completions.stream({ ...told, messages });
    return text(await stream.finalContent());
  },
  completions: async () => {
    const { choices, usage } = await client.completions.create({ ...told, prompt: 'the time is' });
    counted(usage);
    return text(choices[0].text);
  },
  completionsStream: async () => {
    const chunks = await all(await client.completions.create({ ...told, prompt: 'the time is', stream: true }));
    return text(chunks.map((c) => c.choices[0]?.text ?? '').join(''));
  },
  tools: async () => {
    const { choices } = await client.chat.completions.create(calling());
    assert.equal(choices[0].finish_reason, 'tool_calls');
    assert.equal(choices[0].message.tool_calls.length, 1);
    const [call] = choices[0].message.tool_calls;
    assert.ok(call.id);
    return asksForWeather(call.function.name, JSON.parse(call.function.arguments));
  },
  toolsStream: async () => {
    const whole = await client.chat.completions.stream(calling()).finalChatCompletion();
    const { finish_reason, message } = whole.choices[0];
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.tool_calls.length, 1);
    return asksForWeather(message.tool_calls[0].function.name, JSON.parse(message.tool_calls[0].function.arguments));
  },
  toolResult: async () => {
    const call = { id: 'call_1', type: 'function', function: { name: weather.name, arguments: '{"city":"Rome"}' } };
    const { choices } = await client.chat.completions.create({ ...calling(), messages: answered(call) });
    assert.notEqual(choices[0].finish_reason, 'tool_calls');
    return text(choices[0].message.content);
  },
  toolRun: async () => {
    const asked = [];
    const runner = client.chat.completions.runTools({
      ...calling(),
      tools: [{ type: 'function', function: { ...weather, parse: JSON.parse, function: (input) => (asked.push(input), 'dry') } }],
    });
    text(await runner.finalContent());
    assert.equal(asked.length, 1);
  },
  structured: async () => {
    const { choices } = await client.chat.completions.parse({
      ...told, model: need(engine.schema, 'schema'), max_tokens: 200, messages,
      response_format: zodResponseFormat(animal, 'animal'),
    });
    return formed(choices[0].message.parsed);
  },
  json: async () => {
    need('json_object');
    const { model, prompt } = engine.object ?? { model: engine.chat, prompt: 'an animal' };
    const { choices } = await client.chat.completions.create({
      ...told, model, max_tokens: 200, messages: [{ role: 'user', content: prompt }],
      response_format: { type: 'json_object' },
    });
    assert.equal(typeof JSON.parse(choices[0].message.content), 'object');
    return choices[0].message.content;
  },
  images: async () => {
    const url = `data:image/png;base64,${picture(255, 0, 0).toString('base64')}`;
    const { choices } = await client.chat.completions.create({
      ...told, model: need(engine.vision, 'vision'),
      messages: [{ role: 'user', content: [{ type: 'text', text: 'look' }, { type: 'image_url', image_url: { url } }] }],
    });
    return text(choices[0].message.content);
  },
  embed: async () => {
    const { data } = await client.embeddings.create({ model: need(engine.embed, 'embeddings'), input: ['the first', 'a second', 'the first'], encoding_format: 'float' });
    assert.deepEqual(data.map((d) => d.index), [0, 1, 2]);
    near(vector(data[0].embedding), vector(data[2].embedding));
    assert.notDeepEqual(data[0].embedding, data[1].embedding);
  },
  embedBase64: async () => {
    const ask = { model: need(engine.embed, 'embeddings'), input: 'the first' };
    const plain = await client.embeddings.create({ ...ask, encoding_format: 'float' });
    const raw = await client.embeddings.create({ ...ask, encoding_format: 'base64' });
    assert.equal(typeof raw.data[0].embedding, 'string');
    const decoded = await client.embeddings.create(ask); // the library asks for base64 and decodes it
    near(vector(decoded.data[0].embedding), vector(plain.data[0].embedding));
  },
  responses: async () => {
    const r = await client.responses.create({ model: engine.chat, instructions: 'be brief', input: 'what is the time', temperature: 0, max_output_tokens: 16 });
    assert.ok(r.usage.input_tokens > 0 && r.usage.output_tokens > 0, JSON.stringify(r.usage));
    return text(r.output_text);
  },
  responsesStream: async () => {
    const events = await all(await client.responses.create({ model: engine.chat, input: 'what is the time', temperature: 0, max_output_tokens: 16, stream: true }));
    const types = events.map((e) => e.type);
    assert.equal(types[0], 'response.created');
    assert.ok(['response.completed', 'response.incomplete'].includes(types.at(-1)), types.at(-1));
    const numbers = events.map((e) => e.sequence_number);
    assert.deepEqual(numbers, numbers.map((_, i) => i));
    return text(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''));
  },
  responsesTools: async () => {
    const { model, prompt } = need(engine.tools, 'tools');
    const input = [{ role: 'user', content: prompt }];
    const first = await client.responses.create({ model, input, tools: respondingTools, temperature: 0 });
    const call = first.output.find((o) => o.type === 'function_call');
    assert.ok(call, JSON.stringify(first.output));
    asksForWeather(call.name, JSON.parse(call.arguments));
    const second = await client.responses.create({
      model, tools: respondingTools, temperature: 0, max_output_tokens: 16,
      input: [...input, call, { type: 'function_call_output', call_id: call.call_id, output: 'dry' }],
    });
    return text(second.output_text);
  },
  responsesToolsStream: async () => {
    const { model, prompt } = need(engine.tools, 'tools');
    const whole = await client.responses.stream({ model, input: prompt, tools: respondingTools, temperature: 0 }).finalResponse();
    const call = whole.output.find((o) => o.type === 'function_call');
    return asksForWeather(call.name, JSON.parse(call.arguments));
  },
  responsesStructured: async () => {
    const r = await client.responses.parse({
      model: need(engine.schema, 'schema'), input: 'an animal', temperature: 0, max_output_tokens: 200,
      text: { format: zodTextFormat(animal, 'animal') },
    });
    return formed(r.output_parsed);
  },
  abort: async () => {
    const stop = new AbortController();
    const stream = await client.chat.completions.create({ model: engine.slow, max_tokens: 1500, messages, stream: true }, { signal: stop.signal });
    let n = 0;
    for await (const _ of stream) {
      n++;
      stop.abort(); // the library ends the loop without an error
    }
    assert.ok(n < 100, `${n} chunks after the abort`);
  },
  abortEarly: async () => {
    const stop = new AbortController();
    const call = client.chat.completions.create({ model: engine.slow, max_tokens: 1500, messages }, { signal: stop.signal });
    setTimeout(() => stop.abort(), 200);
    assert.ok((await fails(call)) instanceof OpenAI.APIUserAbortError);
  },
  notFound: async () => {
    need('unknown models');
    const e = await fails(client.chat.completions.create({ ...told, model: 'nobody', messages }));
    assert.ok(e instanceof OpenAI.NotFoundError, e);
    return text(e.error.message);
  },
  notFoundStream: async () => {
    need('unknown models');
    const e = await fails(client.chat.completions.create({ ...told, model: 'nobody', messages, stream: true }));
    assert.ok(e instanceof OpenAI.NotFoundError, e);
  },
  notFoundResponses: async () => {
    need('unknown models');
    const e = await fails(client.responses.create({ model: 'nobody', input: 'x' }));
    assert.ok(e instanceof OpenAI.NotFoundError, e);
  },
  badRequest: async () => {
    const e = await fails(client.chat.completions.create({ ...told, messages: 'what is the time' }));
    assert.ok(e instanceof OpenAI.BadRequestError, e);
    return text(e.error.message);
  },
});

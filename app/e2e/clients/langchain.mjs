// The checks of the npm package "@langchain/ollama".
import assert from 'node:assert/strict';
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOllama, Ollama, OllamaEmbeddings } from '@langchain/ollama';
import { z } from 'zod';
import { all, asksForWeather, base, engine, fails, form, formed, need, picture, run, text, vector } from './check.mjs';

const told = { baseUrl: base, temperature: 0, seed: 7, numPredict: 16, maxRetries: 0 };
const messages = [new SystemMessage('be brief'), new HumanMessage('what is the time')];
const calling = () => {
  const { model, prompt } = need(engine.tools, 'tools');
  const weather = tool(async () => 'dry', { name: 'get_weather', description: 'the weather in a city', schema: z.object({ city: z.string() }) });
  return { weather, prompt, llm: new ChatOllama({ ...told, model, numPredict: 200 }).bindTools([weather]) };
};

function counted(usage) {
  assert.ok(usage.input_tokens > 0 && usage.output_tokens > 0, JSON.stringify(usage));
}

await run({
  chat: async () => {
    const answer = await new ChatOllama({ ...told, model: engine.chat }).invoke(messages);
    counted(answer.usage_metadata);
    return text(answer.content);
  },
  stream: async () => {
    const chunks = await all(await new ChatOllama({ ...told, model: engine.chat }).stream(messages));
    assert.ok(chunks.length > 2, `${chunks.length} chunks`);
    counted(chunks.at(-1).usage_metadata);
    return text(chunks.map((c) => c.content).join(''));
  },
  generate: async () => text(await new Ollama({ ...told, model: engine.chat }).invoke('the time is')),
  batch: async () => {
    const answers = await new ChatOllama({ ...told, model: engine.chat }).batch(['one', 'two', 'three']);
    answers.forEach((a) => text(a.content));
  },
  tools: async () => {
    const { weather, prompt, llm } = calling();
    const asked = await llm.invoke(prompt);
    assert.equal(asked.tool_calls.length, 1);
    const [call] = asked.tool_calls;
    asksForWeather(call.name, call.args);
    const result = new ToolMessage({ content: await weather.invoke(call.args), name: call.name, tool_call_id: call.id ?? 'call_1' });
    const answer = await llm.invoke([new HumanMessage(prompt), new AIMessage({ content: '', tool_calls: asked.tool_calls }), result]);
    assert.equal(answer.tool_calls.length, 0);
    return text(answer.content);
  },
  toolsStream: async () => {
    const { prompt, llm } = calling();
    const calls = (await all(await llm.stream(prompt))).flatMap((c) => c.tool_calls ?? []);
    assert.equal(calls.length, 1);
    return asksForWeather(calls[0].name, calls[0].args);
  },
  structured: async () => {
    const answer = await new ChatOllama({ ...told, model: need(engine.schema, 'schema'), numPredict: 200, format: form }).invoke(messages);
    return formed(JSON.parse(answer.content));
  },
  structuredOutput: async () => {
    const { model, prompt } = need(engine.object, 'objects');
    const animal = z.object({ kind: z.enum(['cat', 'dog']), old: z.boolean() });
    return formed(await new ChatOllama({ ...told, model, numPredict: 200 }).withStructuredOutput(animal).invoke(prompt));
  },
  images: async () => {
    const url = `data:image/png;base64,${picture(255, 0, 0).toString('base64')}`;
    const look = new HumanMessage({ content: [{ type: 'text', text: 'look' }, { type: 'image_url', image_url: url }] });
    return text((await new ChatOllama({ ...told, model: need(engine.vision, 'vision') }).invoke([look])).content);
  },
  embed: async () => {
    const embeddings = new OllamaEmbeddings({ baseUrl: base, model: need(engine.embed, 'embeddings'), maxRetries: 0 });
    const one = vector(await embeddings.embedQuery('the first'));
    const many = await embeddings.embedDocuments(['the first', 'a second']);
    assert.equal(many.length, 2);
    assert.equal(vector(many[1]).length, one.length);
  },
  abort: async () => {
    const stop = new AbortController();
    const stream = await new ChatOllama({ ...told, model: engine.slow, numPredict: 1500 }).stream(messages, { signal: stop.signal });
    const e = await fails(
      (async () => {
        for await (const _ of stream) stop.abort();
      })(),
    );
    assert.match(`${e.name} ${e.message}`, /abort/i);
  },
  notFound: async () => {
    need('unknown models');
    const e = await fails(new ChatOllama({ ...told, model: 'nobody' }).invoke(messages));
    assert.equal(e.name, 'ResponseError');
    assert.equal(e.status_code, 404);
    return text(e.message);
  },
  badFormat: async () => {
    const e = await fails(new ChatOllama({ ...told, model: engine.chat, format: 'no format' }).invoke(messages));
    assert.equal(e.name, 'ResponseError');
    assert.ok([400, 500].includes(e.status_code), e.status_code); // Ollama says 500
    return text(e.message);
  },
});

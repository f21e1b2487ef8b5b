// The checks of the npm package "ai", with its provider for OpenAI's dialect.
import assert from 'node:assert/strict';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embed, embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from 'ai';
import { z } from 'zod';
import { all, asksForWeather, base, engine, fails, formed, need, picture, run, text, vector } from './check.mjs';

const provider = createOpenAICompatible({ name: 'carpool', baseURL: `${base}/v1`, includeUsage: true, supportsStructuredOutputs: true });
const chat = (model = engine.chat) => provider.chatModel(model);
const ask = { temperature: 0, seed: 7, maxOutputTokens: 16, maxRetries: 0, system: 'be brief', prompt: 'what is the time' };
const animal = z.object({ kind: z.enum(['cat', 'dog']), old: z.boolean() });

function counted({ inputTokens, outputTokens }) {
  assert.ok(inputTokens > 0 && outputTokens > 0, `${inputTokens} and ${outputTokens} tokens`);
}

// working is an agent: the model calls the tool and gets its answer, until it has none.
const working = (asked) => {
  const { model, prompt } = need(engine.tools, 'tools');
  const get_weather = tool({
    description: 'the weather in a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async (input) => (asked.push(input), 'dry'),
  });
  return { model: chat(model), prompt, tools: { get_weather }, temperature: 0, maxOutputTokens: 200, maxRetries: 0, stopWhen: stepCountIs(3) };
};

await run({
  chat: async () => {
    const answer = await generateText({ ...ask, model: chat() });
    counted(answer.usage);
    return text(answer.text);
  },
  stream: async () => {
    const answer = streamText({ ...ask, model: chat(), onError: () => {} });
    const parts = await all(answer.textStream);
    assert.ok(parts.length > 1, `${parts.length} pieces`);
    counted(await answer.usage);
    assert.ok(['stop', 'length'].includes(await answer.finishReason));
    return text(parts.join(''));
  },
  completions: async () => {
    const { system, ...plain } = ask;
    return text((await generateText({ ...plain, model: provider.completionModel(engine.chat) })).text);
  },
  tools: async () => {
    const asked = [];
    const answer = await generateText(working(asked));
    assert.equal(answer.steps.length, 2);
    assert.equal(asked.length, 1);
    asksForWeather('get_weather', asked[0]);
    return text(answer.text);
  },
  toolsStream: async () => {
    const asked = [];
    const answer = streamText({ ...working(asked), onError: () => {} });
    await answer.consumeStream();
    assert.equal((await answer.steps).length, 2);
    assert.equal(asked.length, 1);
    return text(await answer.text);
  },
  structured: async () => {
    const { object } = await generateObject({ ...ask, model: chat(need(engine.schema, 'schema')), schema: animal, maxOutputTokens: 200 });
    return formed(object);
  },
  structuredStream: async () => {
    const answer = streamObject({ ...ask, model: chat(need(engine.schema, 'schema')), schema: animal, maxOutputTokens: 200, onError: () => {} });
    await all(answer.partialObjectStream);
    return formed(await answer.object);
  },
  images: async () => {
    const { prompt, ...rest } = ask;
    const content = [{ type: 'text', text: 'look' }, { type: 'image', image: picture(255, 0, 0), mediaType: 'image/png' }];
    return text((await generateText({ ...rest, model: chat(need(engine.vision, 'vision')), messages: [{ role: 'user', content }] })).text);
  },
  embed: async () => {
    const { embedding, usage } = await embed({ model: provider.textEmbeddingModel(need(engine.embed, 'embeddings')), value: 'the first', maxRetries: 0 });
    if (!engine.lacks?.includes('embedding counts')) assert.ok(usage.tokens > 0);
    vector(embedding);
  },
  embedMany: async () => {
    const { embeddings } = await embedMany({ model: provider.textEmbeddingModel(need(engine.embed, 'embeddings')), values: ['the first', 'a second'], maxRetries: 0 });
    assert.equal(embeddings.length, 2);
    assert.notDeepEqual(vector(embeddings[0]), vector(embeddings[1]));
  },
  abort: async () => {
    const stop = new AbortController();
    let aborted = false;
    const answer = streamText({
      ...ask, model: chat(engine.slow), maxOutputTokens: 1500, abortSignal: stop.signal,
      onAbort: () => (aborted = true), onError: () => {},
    });
    for await (const part of answer.fullStream) {
      if (part.type === 'text-delta') stop.abort();
    }
    assert.ok(aborted);
  },
  notFound: async () => {
    need('unknown models');
    const e = await fails(generateText({ ...ask, model: chat('nobody') }));
    assert.ok(APICallError.isInstance(e), e);
    assert.equal(e.statusCode, 404);
    return text(e.message);
  },
  notFoundStream: async () => {
    need('unknown models');
    let seen;
    await streamText({ ...ask, model: chat('nobody'), onError: ({ error }) => (seen = error) }).consumeStream();
    assert.ok(APICallError.isInstance(seen), seen);
    assert.equal(seen.statusCode, 404);
  },
  badRequest: async () => {
    const spoil = (url, init) => fetch(url, { ...init, body: JSON.stringify({ ...JSON.parse(init.body), messages: 'what is the time' }) });
    const spoiled = createOpenAICompatible({ name: 'carpool', baseURL: `${base}/v1`, fetch: spoil });
    const e = await fails(generateText({ ...ask, model: spoiled.chatModel(engine.chat) }));
    assert.ok(APICallError.isInstance(e), e);
    assert.equal(e.statusCode, 400);
    assert.equal(e.isRetryable, false);
    return text(e.message);
  },
});

// Holds conversations and speaks with the official OpenAI SDK for Node; fails loudly.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [, , modules, baseURL, apiKey, picture] = process.argv;
const at = (name) => pathToFileURL(path.join(modules, "node_modules", name)).href;
const { default: OpenAI } = await import(at("openai/index.mjs"));

const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Tell me a joke about lighthouses" }];

const plain = await client.chat.completions.create({ model: "words", messages });
assert.equal(plain.object, "chat.completion");
assert.equal(plain.choices.length, 1);
assert.equal(plain.choices[0].finish_reason, "stop");
assert(plain.choices[0].message.content.length > 0);

const chunks = [];
const stream = await client.chat.completions.create({ model: "words", messages, stream: true });
for await (const chunk of stream) chunks.push(chunk);
assert.equal(chunks.length, 1);
assert(chunks[0].choices[0].delta.content.length > 0);
assert.equal(chunks[0].choices[0].finish_reason, "stop");
const helper = client.chat.completions.stream({ model: "words", messages });
assert((await helper.finalContent()).length > 0);

const url = `data:image/png;base64,${fs.readFileSync(picture).toString("base64")}`;
const parts = [{ type: "text", text: "What is it?" }, { type: "image_url", image_url: { url } }];
const seen = await client.chat.completions.create({
  model: "eyes",
  messages: [{ role: "user", content: parts }],
});
assert.match(seen.choices[0].message.content, /64 by 48 pixels/);

const spoken = await client.audio.speech.create({ model: "voice", voice: "alloy", input: "It is open." });
assert.match(spoken.headers.get("content-type"), /^audio\//);
assert((await spoken.arrayBuffer()).byteLength > 1000);

const tools = [{ type: "function", function: { name: "f", parameters: {} } }];
await assert.rejects(client.chat.completions.create({ model: "words", messages, tools }), (error) => {
  assert.equal(error.status, 400);
  assert.equal(error.param, "tools");
  return true;
});
console.log("openai chat and speech ok");

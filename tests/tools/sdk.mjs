// Drives a running gateway with the official OpenAI SDK for Node; fails loudly.
import assert from "node:assert/strict";
import fs from "node:fs";
import { pathToFileURL } from "node:url";
import path from "node:path";

const [, , modules, baseURL, apiKey, picture] = process.argv;
const at = (name) => pathToFileURL(path.join(modules, "node_modules", name)).href;
const { default: OpenAI, toFile } = await import(at("openai/index.mjs"));

const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0 });
const isPicture = (bytes) =>
  bytes.subarray(1, 4).toString() === "PNG" ||
  (bytes[0] === 0xff && bytes[1] === 0xd8) ||
  bytes.subarray(8, 12).toString() === "WEBP";
const fetched = async (url) => Buffer.from(await (await fetch(url)).arrayBuffer());

const both = await client.images.generate({ model: "photo", prompt: "a lighthouse", size: "512x512" });
const decoded = Buffer.from(both.data[0].b64_json, "base64");
assert(isPicture(decoded));
assert.deepEqual(await fetched(both.data[0].url), decoded);

const linked = await client.images.generate({ prompt: "a fox", response_format: "url", n: 2 });
assert.equal(linked.data.length, 2);
for (const item of linked.data) assert(isPicture(await fetched(item.url)));

const edited = await client.images.edit({
  image: await toFile(fs.createReadStream(picture), "picture.png", { type: "image/png" }),
  prompt: "make it winter",
  response_format: "b64_json",
});
assert(isPicture(Buffer.from(edited.data[0].b64_json, "base64")));

const linkedEdit = await client.images.edit({
  image: await toFile(fs.createReadStream(picture), "picture.png", { type: "image/png" }),
  prompt: "make it night",
  response_format: "url",
});
assert(isPicture(await fetched(linkedEdit.data[0].url)));

const events = [];
for await (const event of await client.images.generate({ prompt: "a stream", stream: true })) events.push(event);
assert.deepEqual(events.map((event) => event.type), ["image_generation.completed"]);

await assert.rejects(client.images.generate({ prompt: "x", n: 11 }), (error) => {
  assert.equal(error.status, 400);
  assert.equal(error.param, "n");
  return true;
});
console.log("openai ok");

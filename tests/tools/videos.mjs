// Makes videos with the official OpenAI SDK for Node against a running gateway; fails loudly.
import assert from "node:assert/strict";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [, , modules, baseURL, apiKey] = process.argv;
const at = (name) => pathToFileURL(path.join(modules, "node_modules", name)).href;
const { default: OpenAI } = await import(at("openai/index.mjs"));

const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0 });

const begun = await client.videos.create({ prompt: "waves", model: "clip", seconds: "4" });
assert.equal(begun.object, "video");
let done = begun;
while (done.status === "queued" || done.status === "in_progress") {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const now = await client.videos.retrieve(begun.id);
  assert(now.progress >= done.progress, `${now.progress} after ${done.progress}`);
  done = now;
}
assert.equal(done.status, "completed", JSON.stringify(done));
assert.equal(done.progress, 100);

const content = Buffer.from(await (await client.videos.downloadContent(done.id)).arrayBuffer());
assert.equal(content.subarray(4, 8).toString(), "ftyp");

const seen = [];
for await (const video of client.videos.list({ limit: 1 })) seen.push(video.id);
assert.deepEqual(seen, [done.id]);

await assert.rejects(client.videos.create({ prompt: "x", seconds: "soon" }), (error) => {
  assert.equal(error.status, 400);
  assert.equal(error.param, "seconds");
  return true;
});
const deleted = await client.videos.delete(done.id);
assert.deepEqual({ ...deleted }, { id: done.id, object: "video.deleted", deleted: true });
await assert.rejects(client.videos.retrieve(done.id), (error) => error.status === 404);
console.log("openai videos ok");

"""Drives a running gateway with the official OpenAI SDK for Python; fails loudly."""

import base64
import os
import sys
import urllib.request

import openai
from openai import OpenAI

base_url, key, picture = sys.argv[1:4]
client = OpenAI(base_url=base_url + "/v1", api_key=key, max_retries=0)


def is_picture(data: bytes) -> bool:
    return data[:8] == b"\x89PNG\r\n\x1a\n" or data[:3] == b"\xff\xd8\xff" or data[8:12] == b"WEBP"


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


# Without response_format: b64_json as today's models, and a link beside it.
both = client.images.generate(model="photo", prompt="a lighthouse at dusk", size="512x512")
assert is_picture(base64.b64decode(both.data[0].b64_json)), "b64_json is no picture"
assert fetch(both.data[0].url) == base64.b64decode(both.data[0].b64_json), "link and base64 differ"
assert both.created > 1_600_000_000

linked = client.images.generate(prompt="a fox in snow", response_format="url", n=2)
assert len(linked.data) == 2 and all(item.b64_json is None for item in linked.data)
assert all(is_picture(fetch(item.url)) for item in linked.data)

inline = client.images.generate(
    prompt="a red boat", response_format="b64_json", extra_body={"output_format": "png"}
)
assert inline.data[0].url is None
assert base64.b64decode(inline.data[0].b64_json)[:4] == b"\x89PNG", "output_format was not kept"

with open(picture, "rb") as source:
    edited = client.images.edit(
        model="photo", image=source, prompt="make it winter", response_format="b64_json"
    )
assert is_picture(base64.b64decode(edited.data[0].b64_json))
with open(picture, "rb") as one, open(picture, "rb") as two:
    combined = client.images.edit(image=[one, two], prompt="both at once", response_format="url")
assert is_picture(fetch(combined.data[0].url))

raw = client.images.with_raw_response.generate(prompt="a clock", quality="high")
assert raw.headers["x-atelier-generation"].startswith("gen_"), dict(raw.headers)
assert "quality" in raw.headers["x-atelier-adjusted"], dict(raw.headers)
assert float(raw.headers["x-atelier-cost-usd"]) > 0

events = list(client.images.generate(prompt="a stream", stream=True))
assert [event.type for event in events] == ["image_generation.completed"], events
assert is_picture(base64.b64decode(events[0].b64_json))

names = [model.id for model in client.models.list()]
assert "photo" in names, names
assert client.models.retrieve("photo").id == "photo"

try:
    client.images.generate(prompt="x", size="0x9")
    raise SystemExit("a bad size was accepted")
except openai.BadRequestError as error:
    assert error.param == "size" and error.code == "invalid_request", error.body
try:
    OpenAI(base_url=base_url + "/v1", api_key="atl_wrong", max_retries=0).images.generate(prompt="x")
    raise SystemExit("a bad key was accepted")
except openai.AuthenticationError as error:
    assert error.code == "invalid_api_key", error.body

print("openai", openai.__version__, "ok", file=sys.stdout)

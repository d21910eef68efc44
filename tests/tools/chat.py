"""Holds conversations and speaks with the official OpenAI SDK for Python; fails loudly."""

import base64
import sys

import openai
from openai import OpenAI

base_url, key, picture = sys.argv[1:4]
client = OpenAI(base_url=base_url + "/v1", api_key=key, max_retries=0)
hello = [{"role": "user", "content": "Tell me a joke about lighthouses"}]

plain = client.chat.completions.create(model="words", messages=hello)
assert plain.object == "chat.completion" and plain.id.startswith("gen_"), plain
assert plain.model == "words" and len(plain.choices) == 1 and plain.usage is None, plain
assert plain.choices[0].finish_reason == "stop" and plain.choices[0].message.content, plain
assert plain.choices[0].message.role == "assistant", plain

# An answer can be given back as it came.
talk = [
    {"role": "system", "content": "Be brief."},
    *hello,
    plain.choices[0].message,
    {"role": "user", "content": [{"type": "text", "text": "Another one."}]},
]
raw = client.chat.completions.with_raw_response.create(model="words", messages=talk, max_tokens=50)
assert raw.headers["x-atelier-adjusted"] == "max_tokens", dict(raw.headers)
assert float(raw.headers["x-atelier-cost-usd"]) > 0, dict(raw.headers)
assert raw.parse().choices[0].message.content

chunks = list(
    client.chat.completions.create(
        model="words", messages=hello, stream=True, stream_options={"include_usage": True}
    )
)
assert len(chunks) == 1 and chunks[0].usage is None, chunks
assert chunks[0].choices[0].delta.role == "assistant", chunks
assert chunks[0].choices[0].delta.content and chunks[0].choices[0].finish_reason == "stop", chunks
with client.chat.completions.stream(model="words", messages=hello) as stream:
    whole = stream.get_final_completion()
assert whole.choices[0].message.content, whole

with open(picture, "rb") as file:
    data = base64.b64encode(file.read()).decode()
look = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        ],
    }
]
for named in ("eyes", None):
    seen = client.chat.completions.create(
        messages=look, model="eyes", extra_body={} if named else {"model": None}
    )
    assert seen.model == "eyes", seen
    # The simulated vendor says how large what it saw is.
    assert "64 by 48 pixels" in seen.choices[0].message.content, seen

spoken = client.audio.speech.with_raw_response.create(
    model="voice", voice="alloy", input="The lighthouse is open.", response_format="wav"
)
sound = spoken.content
kinds = {"audio/wav": sound[:4] == b"RIFF", "audio/mpeg": sound[:3] == b"ID3" or sound[0] == 0xFF}
assert kinds[spoken.headers["content-type"]], (spoken.headers["content-type"], sound[:16])
told = spoken.headers["x-atelier-adjusted"].split(",")
assert "voice" in told, told
assert ("response_format" in told) == (spoken.headers["content-type"] != "audio/wav"), told
with client.audio.speech.with_streaming_response.create(
    model="voice", voice="alloy", input="The lighthouse is closed."
) as streamed:
    assert len(streamed.read()) > 1000


def refused(param: str, code: str, **more) -> None:
    try:
        client.chat.completions.create(**{"model": "words", "messages": hello, **more})
        raise SystemExit(f"{more} was accepted")
    except openai.BadRequestError as error:
        assert (error.param, error.code) == (param, code), error.body


tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
refused("tools", "unsupported_parameter", tools=[tool])
refused("n", "unsupported_parameter", n=2)
refused("response_format", "unsupported_parameter", response_format={"type": "json_object"})
refused("temperature", "invalid_request", temperature=3)
try:
    client.audio.speech.create(model="voice", voice="alloy", input="x", stream_format="sse")
    raise SystemExit("events of sound were promised")
except openai.BadRequestError as error:
    assert error.param == "stream_format", error.body
print("openai", openai.__version__, "chat and speech ok")

"""Makes videos with the official OpenAI SDK for Python against a running gateway; fails loudly."""

import sys
import warnings

import openai
from openai import OpenAI

warnings.simplefilter("ignore", DeprecationWarning)
base_url, key = sys.argv[1:3]
client = OpenAI(base_url=base_url + "/v1", api_key=key, max_retries=0)

begun = client.videos.create(prompt="waves against a lighthouse", model="clip", seconds="4")
assert begun.object == "video" and begun.id.startswith("gen_"), begun
assert begun.status in ("queued", "in_progress", "completed"), begun

done = client.videos.poll(begun.id, poll_interval_ms=100)
assert done.status == "completed" and done.progress == 100 and done.error is None, done
assert done.prompt == "waves against a lighthouse" and done.model == "clip", done
assert int(done.seconds) > 0 and done.expires_at > done.completed_at >= done.created_at, done

content = client.videos.download_content(done.id).read()
assert content[4:8] == b"ftyp", content[:16]
assert client.videos.download_content(done.id, variant="video").read() == content
try:
    client.videos.download_content(done.id, variant="thumbnail")
    raise SystemExit("a thumbnail was made")
except openai.BadRequestError as error:
    assert error.param == "variant", error.body

second = client.videos.create_and_poll(prompt="a second clip", poll_interval_ms=100)
assert second.status == "completed", second

page = client.videos.list(limit=1)
assert [video.id for video in page.data] == [second.id] and page.has_more, page
assert [video.id for video in client.videos.list(limit=1)] == [second.id, done.id], "pages"
assert [video.id for video in client.videos.list(order="asc")] == [done.id, second.id], "order"

try:
    client.videos.create(prompt="x", seconds="soon")
    raise SystemExit("bad seconds were accepted")
except openai.BadRequestError as error:
    assert error.param == "seconds" and error.code == "invalid_request", error.body

deleted = client.videos.delete(done.id)
assert deleted.deleted and deleted.id == done.id and deleted.object == "video.deleted", deleted
try:
    client.videos.retrieve(done.id)
    raise SystemExit("a deleted video is still there")
except openai.NotFoundError as error:
    assert error.code == "not_found", error.body
print("openai", openai.__version__, "videos ok")

"""Verifies a webhook by its words alone, as a receiver of Standard Webhooks does; fails loudly.

Usage: verify_webhook.py SECRET ID TIMESTAMP SIGNATURES < BODY
"""

import base64
import hashlib
import hmac
import sys
import time

secret, identifier, timestamp, signatures = sys.argv[1:5]
body = sys.stdin.buffer.read()
assert secret.startswith("whsec_"), "no secret of Standard Webhooks"
key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
assert 24 <= len(key) <= 64, len(key)
signed = f"{identifier}.{timestamp}.".encode() + body
expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
found = [text.removeprefix("v1,") for text in signatures.split(" ") if text.startswith("v1,")]
assert any(hmac.compare_digest(expected, one) for one in found), f"{signatures} is not {expected}"
assert abs(time.time() - int(timestamp)) < 300, f"{timestamp} is not now"

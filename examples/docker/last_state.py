"""Keep the last state of each stream: reads a sync's messages, writes what the next sync's --state takes."""

import json
import sys

last = {}
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "STATE":
        last[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
json.dump(list(last.values()), sys.stdout)

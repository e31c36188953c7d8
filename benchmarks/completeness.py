"""Whether a read brought every event of the sandbox exactly once: `python -m benchmarks.completeness FILE URL`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from sandbox.process import Control


class _Data(msgspec.Struct):
    id: str


class _Record(msgspec.Struct):
    data: _Data


class _Message(msgspec.Struct):
    type: str
    record: _Record | None = None


def ids(output: Path) -> list[str]:
    decode = msgspec.json.Decoder(_Message).decode
    with output.open("rb") as file:
        return [message.record.data.id for message in map(decode, file) if message.record]


if __name__ == "__main__":
    read, expected = ids(Path(sys.argv[1])), set(Control(sys.argv[2]).event_ids("cloud4wi"))
    if len(read) != len(expected) or set(read) != expected:
        sys.exit(f"{len(read)} records with {len(set(read))} ids were read; there are {len(expected)} events.")
    print(f"All {len(read):,} events were read, each of them once.", flush=True)

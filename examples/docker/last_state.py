"""Keep where a sync has come to: last_state.py MESSAGES STATE

MESSAGES is what `read` has written, whole or not; STATE is what the next `read` takes as --state. The last state of
each stream goes into it; that of a stream which MESSAGES does not mention stays. If anything is wrong, STATE stays as
it is.
"""

import json
import os
import sys
from pathlib import Path

Json = dict[str, object]


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: last_state.py MESSAGES STATE")
    messages, state = (Path(argument) for argument in sys.argv[1:])
    kept, new = states_in(state), states_of(messages)
    if new or kept is None:
        replace(state, json.dumps(list(((kept or {}) | new).values())))
    print(f"{state}: {len(new)} streams from {messages}, {len((kept or {}).keys() - new.keys())} as before")


def states_of(messages: Path) -> dict[tuple[object, object], Json]:
    """The last state of each stream among a sync's messages. A line that was cut, or is no message, is passed over."""
    found = {}
    try:
        with messages.open("rb") as lines:
            for line in lines:
                # Most lines are records, which need not be decoded for that.
                if b'"STATE"' in line and (message := decoded(line)) and message.get("type") == "STATE":
                    found[stream_of(message.get("state"), messages)] = message["state"]
    except OSError as error:
        sys.exit(f"{messages} cannot be read: {error.strerror}")
    return found


def states_in(state: Path) -> dict[tuple[object, object], Json] | None:
    """The states that the file has; None where there is no file yet."""
    try:
        entries = json.loads(state.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        sys.exit(f"{state} cannot be read: {error.strerror}")
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list):
        sys.exit(f"{state} has no list of states, and was not touched: name another file, or remove this one.")
    return {stream_of(entry, state): entry for entry in entries}


def decoded(line: bytes) -> Json | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def stream_of(entry: object, file: Path) -> tuple[object, object]:
    """The namespace and the name of the stream whose state this is."""
    try:
        descriptor = entry["stream"]["stream_descriptor"]  # type: ignore[index]
        return descriptor.get("namespace"), descriptor["name"]
    except (KeyError, TypeError, AttributeError):
        sys.exit(f"{file} has a state that is not one of a stream, as this connector's are; nothing was changed.")


def replace(file: Path, text: str) -> None:
    """Write the file whole or not at all, whenever the process or the machine is stopped."""
    file = file.resolve()
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with new.open("w", encoding="utf-8") as output:
            output.write(f"{text}\n")
            output.flush()
            os.fsync(output.fileno())
        if file.exists():
            new.chmod(file.stat().st_mode)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        sys.exit(f"{file} cannot be written, and was not touched: {error.strerror}")


if __name__ == "__main__":
    main()

"""Runs the connector many times at little cost: a process that has imported it already forks one for each command.

What the forks write is what the console script writes. Their waits can be shortened and their time-outs set, so that
tests of errors need not last as long as the errors do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from integration_tests.connector import Json, Output, catalog

STARTED = "ready"


class PreparedConnector:
    """A context manager; `outputs` has the text of all runs."""

    def __init__(self) -> None:
        self.outputs: list[str] = []

    def __enter__(self) -> PreparedConnector:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "integration_tests.prepared"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == STARTED
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def run(
        self,
        command: str,
        *options: str,
        speed: float = 1000,
        read_timeout: float = 60,
        longest_body: float = 300,
        environment: Mapping[str, str] | None = None,
        **files: Any,
    ) -> Output:
        """Run a command with its arguments as files; waits between attempts are `speed` times shorter."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = [command, *options]
            for name, content in files.items():
                path = Path(folder) / f"{name}.json"
                path.write_text(json.dumps(content), encoding="utf-8")
                arguments += [f"--{name}", str(path)]
            output = Path(folder) / "output"
            request = {
                "arguments": arguments,
                "output": str(output),
                "speed": speed,
                "read_timeout": read_timeout,
                "longest_body": longest_body,
                "environment": dict(environment or {}),
            }
            assert self._process.stdin is not None
            print(json.dumps(request), file=self._process.stdin, flush=True)
            status = int(self._answer())
            # Strictly: what is no UTF-8 is an error of the connector.
            text = output.read_bytes().decode("utf-8")
        self.outputs.append(text)
        return Output(text, status)

    def read(self, config: Json, *streams: str, state: list[Json] | None = None, **settings: Any) -> Output:
        files: dict[str, Any] = {"config": config, "catalog": catalog(*streams)}
        return self.run("read", **settings, **files, **({"state": state} if state is not None else {}))

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def serve() -> None:
    """Fork for each request on standard input; answer with the exit status."""
    import source_events.process.entrypoint
    import source_events.source  # noqa: F401

    print(STARTED, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(request)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(request: Json) -> None:
    """What the console script does, with standard output and standard error in a file; never returns."""

    from source_events.process.entrypoint import launch
    from source_events.transport import body, network, rate

    status = 1
    try:
        file = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.environ.update(request["environment"])
        wait = network.Network.wait
        network.Network.wait = lambda self, seconds: wait(self, seconds / request["speed"])  # type: ignore[method-assign]
        rate.FIRST_PAUSE, rate.LONGEST_PAUSE = (
            pause / request["speed"] for pause in (rate.FIRST_PAUSE, rate.LONGEST_PAUSE)
        )
        network.READ_TIMEOUT = request["read_timeout"]
        body.LONGEST_BODY = request["longest_body"]
        launch(request["arguments"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()

"""Runs one program and writes what it took: `python -I -S measured.py RESULT OUTPUT MODE PROGRAM ...`.

A process of its own, and a bare one: a child's peak memory counts that of the process that started it. MODE is `whole`,
or `first` to end the program at its first record.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

RECORD = b'"type":"RECORD"'
TIME_LIMIT = 1800
"""Seconds after which a program is ended."""
TICK = os.sysconf("SC_CLK_TCK")


def cpu_so_far(process: int) -> float:
    """Seconds of CPU of a running process; the clock ticks a hundred times a second."""
    text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def until_first_record(process: "subprocess.Popen[bytes]") -> dict[str, float]:
    assert process.stdout is not None
    for line in process.stdout:
        if RECORD in line:
            return {"first_cpu": cpu_so_far(process.pid), "first_at": time.perf_counter()}
    return {}


def main(result: str, output: str, mode: str, command: list[str]) -> None:
    with Path(output).open("wb") as file:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE if mode == "first" else file)
        signal.signal(signal.SIGALRM, lambda *_: process.kill())
        signal.alarm(TIME_LIMIT)
        found = until_first_record(process) if mode == "first" else {}
        if found:
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    cost = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}
    if found:
        cost |= {"wall": found["first_at"] - began, "cpu": found["first_cpu"]}
    cost["status"] = 0 if found else os.waitstatus_to_exitcode(status)
    Path(result).write_text(json.dumps(cost), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])

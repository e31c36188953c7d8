"""Runs one program and writes what it took: `python -I -S measured.py RESULT OUTPUT MODE PROGRAM ...`.

A process of its own, and a bare one: a child's peak memory counts that of the process that started it. MODE is `whole`,
`first` to end the program at its first record, or `tree` for a program that starts others, whose memory at the same
moment is added up.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

RECORD = b'"type":"RECORD"'
TIME_LIMIT = 1800
"""Seconds after which a program is ended."""
LOOK_EVERY = 0.1
"""Seconds."""
TICK = os.sysconf("SC_CLK_TCK")


def stat(process: int) -> "list[str]":
    """What Linux tells of a process, from its state on: what stands before, its name, may hold anything (proc(5))."""
    text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def cpu_so_far(process: int) -> float:
    """Seconds of CPU of a running process; the clock ticks a hundred times a second."""
    return sum(map(int, stat(process)[11:13])) / TICK


def cpu_of_ended(process: int) -> float:
    """Seconds of CPU of those that it has started and that have ended, as far as it knows of their end."""
    return sum(map(int, stat(process)[13:15])) / TICK


def descendants(process: int) -> list[int]:
    """The running process and all that it has started, as far as they still have it for an ancestor."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int(stat(int(folder.name))[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


def memory_of(processes: "list[int]") -> float:
    """Megabytes of all together; what some of them share counts once."""
    total = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class Peak(threading.Thread):
    """The most memory that a process and its descendants had together, looked at often."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._ended = threading.Event()
        self.memory = 0.0

    def run(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self.memory = max(self.memory, memory_of(descendants(self._process)))

    def end(self) -> float:
        self._ended.set()
        self.join()
        return self.memory


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
        peak = Peak(process.pid)
        if mode == "tree":
            peak.start()
        # The processes that it has waited for are in it.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        together = peak.end() if mode == "tree" else 0.0
    memory = max(usage.ru_maxrss / 1024, together)
    cost = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": memory}
    if found:
        cost |= {"wall": found["first_at"] - began, "cpu": found["first_cpu"]}
    cost["status"] = 0 if found else os.waitstatus_to_exitcode(status)
    Path(result).write_text(json.dumps(cost), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])

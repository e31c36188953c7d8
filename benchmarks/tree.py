"""Runs one program with all that it starts, and writes what they took: `python -I -S tree.py RESULT PROGRAM ...`.

Spark is a Python process, the Java one that it starts, and the Python processes that this one starts. Whoever of them
outlives its parent becomes a child of this process (`PR_SET_CHILD_SUBREAPER`), which waits until it has none. So the
seconds of CPU are those of all of them; Linux only.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def main(result: str, command: list[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no subreaper")
    began = time.perf_counter()
    process = subprocess.Popen(command)
    status = process.wait()
    wall = time.perf_counter() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024, "status": status}
    Path(result).write_text(json.dumps(cost), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

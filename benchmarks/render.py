"""`python -m benchmarks.render` makes the pages and pictures of the results anew, from their JSON, and what cites them.

`make bench`, `make bench-growth`, `make bench-workers` and `make bench-warehouse` do it after measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import growth, warehouse, workers
from benchmarks.__main__ import RESULTS, write
from benchmarks.claims import results
from benchmarks.programs import peers_installed
from benchmarks.report import as_markdown, row_of
from docs import generate


def _benchmark(content: Mapping[str, Any]) -> str:
    return as_markdown([row_of(row) for row in content["rows"]], content)


PAGES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "benchmark": _benchmark,
    "growth": growth.as_markdown,
    "workers": workers.as_markdown,
    "warehouse": warehouse.as_markdown,
}


def main() -> None:
    if not peers_installed():
        raise SystemExit("The pictures are drawn by what make bench installs: run `make bench-pages`.")
    for name, page in PAGES.items():
        content = results(name)
        write(RESULTS, name, page(content), content)
    generate.main()


if __name__ == "__main__":
    main()

"""What a read costs, measured beside other tools and beside what it must cost at least.

`python -m benchmarks` runs every part, `--quick` with a tenth of the work, `--only read,startup` single parts. The
sandbox makes the events while they are read. Machines are noisy: rounds are interleaved, medians shown, and only
ratios between lines of one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from dataclasses import asdict, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from benchmarks.parts import PARTS, Row, Scale, say
from benchmarks.programs import PEERS, peers_installed
from benchmarks.report import as_json, as_markdown, machine

RESULTS = Path(__file__).with_name("results")
QUICK = Scale(events=100_000, contacts=2_000, carecloud=10_000, rounds=2, slow=2)


def versions() -> dict[str, str]:
    found = {"airbyte-cdk": version("airbyte-cdk")}
    if peers_installed():
        names = ("singer-sdk", "dlt")
        code = f"from importlib.metadata import version; print(*map(version, {names}))"
        told = subprocess.run([PEERS, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        found |= dict(zip(names, told, strict=True))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--events", type=int)
    parser.add_argument("--contacts", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--output", type=Path, help="folder for the results (all parts: benchmarks/results)")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(PARTS)
    unknown = set(chosen) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    given = {name: getattr(options, name) for name in ("events", "contacts", "rounds") if getattr(options, name)}
    scale = replace(QUICK if options.quick else Scale(), **given)
    if not peers_installed():
        say("Without the peers (make bench installs them): only the connector, the stock source and the limits run.")
    rows: list[Row] = []
    for name in chosen:
        rows += PARTS[name](scale)
    about = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(versions()),
        "scale": asdict(scale),
    }
    name = "quick" if options.quick else "benchmark"
    text = as_markdown(rows, about, f"{name}.svg")
    say(f"\n{text}")
    output = options.output or (None if options.only else RESULTS)
    if output:
        write(output, name, text, as_json(rows, about))


def write(folder: Path, name: str, text: str, content: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if peers_installed():
        subprocess.run([PEERS, "-m", "benchmarks.plots", name, str(folder)], check=True)


if __name__ == "__main__":
    main()

"""Changes the code in random places, one at a time, and sees whether a unit test fails: `make mutants`.

What is changed is a copy. cosmic-ray makes the changes; coverage.py tells which tests run a line, and only these are
run.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome
from coverage import CoverageData
from parso.tree import NodeOrLeaf

from unit_tests.mutants.selection import LIST, NOTE

KEPT = Path(".mutants").resolve()
"""What is known of the tests, until the code changes."""
DECIDES = (
    *(f"{part}/*.py" for part in ("components", "records", "settings", "transport", "providers/*")),
    *("providers/composition.py", "runtime.py"),
)
"""What decides about data."""
ORDERED = ("Lt", "LtE", "Gt", "GtE")
FAMILIES = {
    "comparison": [
        *(f"ReplaceComparisonOperator_{one}_{other}" for one in ORDERED for other in ORDERED if one != other),
        *(f"ReplaceComparisonOperator_{one}" for one in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    ],
    "boolean": [
        *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
        *("AddNot", "ReplaceUnaryOperator_Delete_Not"),
    ],
    "sign": [
        *("ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add"),
        *("ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_UAdd_USub"),
    ],
    "constant": ["NumberReplacer"],
}
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "unit_tests.mutants.selection")


@dataclass(frozen=True)
class Mutant:
    """A change of an operator's, in one place of a module."""

    family: str
    path: Path
    operator: str
    occurrence: int
    start: tuple[int, int]
    end: tuple[int, int]

    @property
    def place(self) -> tuple[Path, tuple[int, int], str]:
        """Several operators may change the same."""
        return self.path, self.start, self.family

    def __str__(self) -> str:
        return f"{self.path}:{self.start[0]} {self.operator.partition('_')[2] or self.operator}"


def modules() -> list[Path]:
    return sorted(path for pattern in DECIDES for path in Path("source_events").glob(pattern))


def mutants(path: Path) -> Iterator[Mutant]:
    nodes = list(ast_nodes(get_ast_from_path(path)))
    for family, operators in FAMILIES.items():
        for operator in operators:
            found = plugins.get_operator(f"core/{operator}")()
            positions = [(node, place) for node in nodes for place in found.mutation_positions(node)]
            for occurrence, (node, (start, end)) in enumerate(positions):
                if does_something(node):
                    yield Mutant(family, path, operator, occurrence, start, end)


def does_something(node: NodeOrLeaf | None) -> bool:
    """Assertions are for the reader and for mypy, and so is what a class is declared to be, such as `frozen=True`."""
    while node is not None:
        if node.type in ("assert_stmt", "decorator", "classdef"):
            return False
        if node.type == "suite":
            return True
        node = node.parent
    return True


def sample(number: int, seed: int) -> list[Mutant]:
    """Random places, each with one random change."""
    places: dict[object, list[Mutant]] = defaultdict(list)
    for mutant in (each for path in modules() for each in mutants(path)):
        places[mutant.place].append(mutant)
    choice = random.Random(seed)
    chosen = choice.sample(list(places), min(number, len(places)))
    print(f"{len(places)} places in {len(modules())} modules, {len(chosen)} of them chosen with the seed {seed}.")
    return [choice.choice(places[place]) for place in chosen]


class Tests:
    """Which tests run a line, and how long they take."""

    def __init__(self, coverage: Path, noted: Path) -> None:
        self._data = CoverageData(str(coverage))
        self._data.read()
        found = json.loads(noted.read_text(encoding="utf-8"))
        self._seconds: Mapping[str, float] = found["seconds"]
        self._failed = frozenset(found["failed"])
        for name in sorted(self._failed):
            print(f"{name} fails without any change, and is left out.")
        self._files = {Path(name).as_posix(): name for name in self._data.measured_files()}

    def of(self, mutant: Mutant) -> list[str]:
        """Those of the module first, then the quickest; those of the whole module where imports run the line."""
        file = next(name for path, name in self._files.items() if path.endswith(mutant.path.as_posix()))
        contexts = self._data.contexts_by_lineno(file)
        lines = statement(mutant.path, mutant.start[0])
        found = {context for line in lines for context in contexts.get(line, ())}
        if "" in found:
            found = {context for each in contexts.values() for context in each}
        names = {context.rpartition("|")[0] for context in found if context} - self._failed
        return sorted(names, key=lambda name: (own_tests(mutant.path) not in name, self._seconds.get(name, 0.0), name))

    def others(self, chosen: Collection[str]) -> list[str]:
        return sorted(self._seconds.keys() - set(chosen))

    def seconds(self, chosen: Collection[str]) -> float:
        return sum(self._seconds.get(name, 0.0) for name in chosen)


def own_tests(path: Path) -> str:
    return f"test_{path.stem}.py"


def statement(path: Path, line: int) -> range:
    """The lines of the innermost statement here, of a compound one those of its head."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    around = [each for each in ast.walk(tree) if isinstance(each, ast.stmt) and each.lineno <= line <= end_of(each)]
    if not around:
        return range(line, line + 1)
    innermost = max(around, key=lambda each: (each.lineno, -end_of(each)))
    body: Sequence[ast.stmt] = getattr(innermost, "body", ())
    return range(innermost.lineno, max(body[0].lineno if body else end_of(innermost) + 1, line + 1))


def end_of(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def known_tests() -> Tests:
    """What runs which line, from a run of all unit tests, unless the code is that of the last one."""
    code = b"".join(path.read_bytes() for path in sorted(Path("source_events").rglob("*.py")))
    folder = KEPT / hashlib.sha256(code).hexdigest()[:16]
    if not (folder / "tests.json").is_file():
        print("All unit tests are run, to see which lines each of them runs: some minutes ...", flush=True)
        shutil.rmtree(KEPT, ignore_errors=True)
        folder.mkdir(parents=True)
        environment = {**os.environ, NOTE: str(folder / "noted.json"), "COVERAGE_FILE": str(folder / "coverage")}
        command = [*PYTEST, "--cov=source_events", "--cov-context=test", "--cov-report=", "unit_tests"]
        if subprocess.run(command, env=environment).returncode not in (
            pytest.ExitCode.OK,
            pytest.ExitCode.TESTS_FAILED,
        ):
            raise RuntimeError("The unit tests cannot be run.")
        (folder / "noted.json").rename(folder / "tests.json")
    return Tests(folder / "coverage", folder / "tests.json")


def is_killed(mutant: Mutant, tests: Tests, listed: Path) -> tuple[bool, str]:
    """Whether a test fails, or does not end; and the change."""
    chosen = tests.of(mutant)
    listed.write_text(json.dumps({"tests": chosen, "others": tests.others(chosen)}), encoding="utf-8")
    files = {name.partition("::")[0] for name in chosen}
    files |= {str(path) for path in Path("unit_tests").rglob(own_tests(mutant.path))}
    command = " ".join([*PYTEST, "-x", "--no-header", "--timeout=60", *sorted(files or {"unit_tests"})])
    spec = MutationSpec(mutant.path, f"core/{mutant.operator}", mutant.occurrence, mutant.start, mutant.end)
    result = mutate_and_test([spec], command, timeout=120 + 4 * tests.seconds(chosen))
    if result.worker_outcome is not WorkerOutcome.NORMAL:
        raise RuntimeError(f"{mutant}: {result.output}")
    return result.test_outcome is TestOutcome.KILLED, str(result.diff)


def copy_of_the_project(folder: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        source, target = Path(name), folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=int, default=95, help="percent that must be killed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy_of_the_project(Path(folder))
        os.chdir(folder)
        return run(arguments.number, arguments.seed, arguments.least, Path(folder) / "tests.json")


def run(number: int, seed: int, least: int, listed: Path) -> int:
    os.environ[LIST] = ""
    tests, chosen = known_tests(), sample(number, seed)
    os.environ[LIST] = str(listed)
    killed, survivors = Counter[str](), []
    for count, mutant in enumerate(chosen, 1):
        begin = time.monotonic()
        dead, change = is_killed(mutant, tests, listed)
        killed[mutant.family] += dead
        print(f"{count:4} {'killed' if dead else 'SURVIVED'} {mutant} ({time.monotonic() - begin:.0f} s)", flush=True)
        if not dead:
            survivors.append(change)
    print(*survivors, sep="\n\n")
    for family, total in Counter(mutant.family for mutant in chosen).items():
        print(f"{family}: {killed[family]} of {total} killed")
    print(f"{killed.total()} of {len(chosen)} killed, {len(survivors)} survived")
    return 0 if 100 * killed.total() >= least * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = next(
    line.split('"')[1]
    for line in (ROOT / "source_events" / "__init__.py").read_text(encoding="utf-8").splitlines()
    if line.startswith("__version__")
)

TESTS = [
    "airbyte-cdk[dev]>=7.39.1,<8",
]

setup(
    name="airbyte-source-events",
    version=VERSION,
    description="Airbyte source for customer events from Cloud4Wi, Swipe One, App Market and CRM CareCloud",
    packages=find_packages(include=["source_events", "source_events.*"]),
    package_data={"source_events": ["*.yaml", "py.typed"], "source_events.providers": ["*.yaml", "*/*.yaml", "*/schemas/*.json"]},
    python_requires=">=3.10,<3.14",
    install_requires=[
        "airbyte-cdk>=7.39.1,<8",
    ],
    entry_points={"console_scripts": ["source-events=source_events.run:run"]},
)

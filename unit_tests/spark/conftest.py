from __future__ import annotations

from importlib.util import find_spec

# `make spark-test` has an environment with Spark.
collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]

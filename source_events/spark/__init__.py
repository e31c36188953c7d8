"""Streams as a data source of Spark, of the format `source_events`: read on the executors, handed over as Arrow.

    spark.dataSource.register(EventsDataSource)
    spark.conf.set("spark.sql.python.filterPushdown.enabled", True)
    spark.read.format("source_events").option("config_path", "config.json").option("stream", "org_events").load()

The extra `spark` brings what it needs. Executors need the package, too.
"""

try:
    from pyspark.sql.datasource import Filter  # noqa: F401
except ImportError as error:
    raise ImportError("Spark needs pyspark 4.1 or later: pip install 'source-events[spark]'") from error

from source_events.spark.datasource import EventsDataSource

__all__ = ["EventsDataSource"]

"""A Spark program of its own, with its executors: `python -m integration_tests.spark.program MASTER CONFIG FOLDER`.

It writes a stream into Parquet in FOLDER, and says how many rows it has written.
"""

import sys

from pyspark.sql import SparkSession

from source_events.spark import EventsDataSource


def main(master: str, config: str, folder: str) -> None:
    builder = SparkSession.builder.master(master).appName("source-events")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.python.filterPushdown.enabled": "true",
        "spark.driver.host": "127.0.0.1",
        "spark.executor.memory": "1g",
        "spark.cores.max": "2",
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.dataSource.register(EventsDataSource)
    events = spark.read.format("source_events").options(config_path=config, stream="org_events", partitions="4").load()
    events.write.mode("overwrite").parquet(folder)
    print(spark.read.parquet(folder).count(), "rows", flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

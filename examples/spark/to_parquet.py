"""Reads a stream with Spark into Parquet files: `python to_parquet.py CONFIG STREAM FOLDER`."""

import sys

from pyspark.sql import SparkSession

from source_events.spark import EventsDataSource


def main(config: str, stream: str, folder: str) -> None:
    spark = (
        SparkSession.builder.appName("source-events")
        .config("spark.sql.python.filterPushdown.enabled", "true")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    spark.dataSource.register(EventsDataSource)
    events = spark.read.format("source_events").option("config_path", config).option("stream", stream).load()
    events.write.mode("overwrite").parquet(folder)
    spark.read.parquet(folder).groupBy("type").count().orderBy("count", ascending=False).show()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

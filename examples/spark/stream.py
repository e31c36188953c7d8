"""Keeps Parquet files up to date with a stream, each record once: `python stream.py CONFIG STREAM FOLDER [SECONDS]`.

Without SECONDS it reads what there is, and ends; with them it reads again at this interval until it is stopped. Started
again, it goes on from the checkpoint in FOLDER.
"""

import sys

from pyspark.sql import SparkSession

from source_events.spark import EventsDataSource

LATEST = "2 days"
"""For how long a record may come again: longer than `lookback_window`, by which each micro-batch goes back."""


def main(config: str, stream: str, folder: str, seconds: str = "") -> None:
    spark = (
        SparkSession.builder.appName("source-events")
        .config("spark.sql.session.timeZone", "UTC")
        # The state of what has been seen is small: a file for each core is enough.
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    spark.dataSource.register(EventsDataSource)
    events = spark.readStream.format("source_events").option("config_path", config).option("stream", stream).load()
    query = (
        events.withWatermark("createdAt", LATEST)
        .dropDuplicatesWithinWatermark(["id"])
        .writeStream.format("parquet")
        .option("checkpointLocation", f"{folder}/checkpoint")
        .trigger(**({"processingTime": f"{seconds} seconds"} if seconds else {"availableNow": True}))
        .start(f"{folder}/events")
    )
    query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

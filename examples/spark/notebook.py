# Databricks notebook source
# MAGIC %md
# MAGIC # Events of customers
# MAGIC Install the package on the cluster first (*Libraries*, *Install new*): the wheel, or its name, with the extra
# MAGIC `arrow` alone, as Spark and pandas are there. The configuration is a secret: `databricks secrets put-secret
# MAGIC source-events config` takes the JSON.

# COMMAND ----------

from source_events.spark import EventsDataSource

spark.dataSource.register(EventsDataSource)
spark.conf.set("spark.sql.python.filterPushdown.enabled", True)
config = dbutils.secrets.get("source-events", "config")

# COMMAND ----------

events = spark.read.format("source_events").option("config", config).option("stream", "org_events").load()
display(events.where("createdAt >= '2024-02-01' and createdAt < '2024-02-02'").groupBy("type").count())

# COMMAND ----------

# MAGIC %md
# MAGIC All events, kept up to date: run this cell as a job, as often as new events are wanted. Each run reads what is
# MAGIC new and `lookback_window` before it, and goes on where the last one ended, also where it was stopped.

# COMMAND ----------


def merge(batch, number):
    """What comes again replaces what was there."""
    batch.dropDuplicates(["id"]).createOrReplaceTempView("batch")
    batch.sparkSession.sql("""
        MERGE INTO events USING batch ON events.id = batch.id
        WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
    """)


# COMMAND ----------

events.limit(0).write.mode("ignore").saveAsTable("events")
stream = spark.readStream.format("source_events").option("config", config).option("stream", "org_events").load()
query = stream.writeStream.foreachBatch(merge).option("checkpointLocation", "/Volumes/main/default/source_events")
query.trigger(availableNow=True).start().awaitTermination()

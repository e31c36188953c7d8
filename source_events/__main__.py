from source_events.cli import run

run()

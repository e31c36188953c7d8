"""CRM CareCloud.

It is longer than a provider should be, because four things are only there: times on a clock that repeats an hour,
events without a time, installations that ignore the time filter, and records that are parts of events.
"""

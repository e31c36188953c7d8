"""Endurance: hours of a sync in minutes, with everything going wrong now and then."""

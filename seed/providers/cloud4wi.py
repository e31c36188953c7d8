"""Cloud4Wi makes its events itself."""

REFUSAL = (
    "Cloud4Wi documents no call that creates events, so none can be posted. Sign up as a guest at a location of the "
    "organisation, and read the event with the connector."
)

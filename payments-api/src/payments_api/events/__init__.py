"""The facts that have happened, for readers that follow. Must not record any."""

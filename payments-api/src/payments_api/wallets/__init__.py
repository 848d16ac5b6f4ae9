"""Mobile-money payments: the verbs that someone waits for. Must not talk to a provider: the worker does."""

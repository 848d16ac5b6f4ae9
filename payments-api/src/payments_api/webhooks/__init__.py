"""Events that come in and subscriptions to those that go out. Must not apply or deliver."""

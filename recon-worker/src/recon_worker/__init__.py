"""The background worker of the payments platform: Dramatiq on Postgres."""

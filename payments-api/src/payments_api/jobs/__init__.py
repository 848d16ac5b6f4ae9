"""The queue as operators see it: what waits, what is dead, and a second chance. Must not run a job."""

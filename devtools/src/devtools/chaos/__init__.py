"""The fault lab: load, seeded faults on real processes, and a certificate of what survived.

Must not touch a running workspace: a run has a cluster, programs and ports of its own.
"""

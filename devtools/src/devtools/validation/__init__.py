"""Proving a running workspace from outside: through its HTTP surface and with SELECTs of its own.

Must not import a program's code below its door: it is the second witness.
"""

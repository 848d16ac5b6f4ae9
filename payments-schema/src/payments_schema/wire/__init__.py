"""What goes over the wire: pydantic models and the statuses' names, a module per capability.

Must not import anything above money, ids and errors: the UI imports this and nothing else of ours.
"""

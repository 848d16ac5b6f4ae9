"""Card payments: hold, take, give back, pay out; one by one over HTTP, many in one commit below it.

Must not decide what a payment allows; that is the lifecycle's, in payments_schema.
"""

"""The one rule for repeated requests, for routes that store their response. Must not know any route."""

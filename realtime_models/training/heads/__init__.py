"""Training heads: parametric portraits rendered from MakeHuman's CC0 assets.

A picture is a function of two vectors: z (who, `identity.py`) and x (the control vector of
`realtime_models.axes`, `expression.py`). Nothing here is imported by a running session.
"""

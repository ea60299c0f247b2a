"""Backends of the synthesis network. `auto.open_decoder` chooses."""

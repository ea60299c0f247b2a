"""Generators of other projects become packs. No code of a file ever runs: see `pickles`."""

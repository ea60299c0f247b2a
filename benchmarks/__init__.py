"""Is it fast? Each module answers one question; its docstring names it."""

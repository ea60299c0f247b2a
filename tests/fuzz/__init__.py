"""What strangers may send, tried by the thousand: `python -m tests.fuzz --cases 1000000`.

A target is an entry that a stranger's bytes reach. Whatever they are, they are taken or refused in
one sentence; nothing else is raised or logged as an error, nothing hangs, takes much memory or is
left behind. Hypothesis makes the cases: good ones, and those with a few changes. What once failed
lies in `seeds/`, a folder for each target, and is tried first. `test_fuzz.py` tries some 10 000
cases; the command goes on where it was stopped.
"""

"""How the motion model's weights come to be: prepare -> train -> evaluate.

Real lips (GRID) teach the shape of the movement; speech with known phone times teaches every other
voice and sound. All of it is given as `--data DIR`; nothing here runs in a session.
"""

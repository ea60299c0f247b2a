"""Faces for frameworks of voice agents, a folder each. They see `latentcam`'s public names only."""

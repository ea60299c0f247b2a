"""Training of the generator: reconstruction from known factors first, adversarial at the end."""

"""What lies where in a generator's latent space: bases, axes with names, smaller generators."""

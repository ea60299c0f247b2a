"""You talk, and a StyleGAN face talks for you, live."""

"""Pull requests: their life, what happens to them when branches move, and what others are told."""

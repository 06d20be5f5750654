"""How hard to fuzz: `--hypothesis-profile thorough` for a night, else as much as a change can wait for."""

from hypothesis import settings

settings.register_profile("thorough", derandomize=False, max_examples=2000, print_blob=True)

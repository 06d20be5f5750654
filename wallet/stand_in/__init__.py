"""Stand-ins of Apple's and Google's servers on this machine, for development, the demo and tests."""

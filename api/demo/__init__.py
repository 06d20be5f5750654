"""`assidu demo`: a café's programme on this machine, seeded, running, and checked through its own HTTP."""

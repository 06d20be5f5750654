"""What people do, from end to end, through HTTP."""

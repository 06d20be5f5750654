"""Events become deliveries."""

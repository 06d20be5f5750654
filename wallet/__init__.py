"""Cards as codes, pictures and passes."""

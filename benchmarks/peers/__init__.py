"""What the product is held against, and the product with one operation more."""

"""Cards in Apple Wallet: packages, their signatures, and what is wrong with them."""

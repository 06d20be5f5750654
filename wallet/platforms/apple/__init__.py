"""Cards in Apple Wallet: packages, their signatures and what is wrong with them, the pushes that keep them alive."""

from wallet.platforms.apple.platform import AppleWallet

__all__ = ["AppleWallet"]

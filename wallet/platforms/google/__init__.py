"""Cards in Google Wallet: objects at its REST API, links that save them, and what Google tells us."""

from wallet.platforms.google.platform import GooglePlatform

__all__ = ["GooglePlatform"]

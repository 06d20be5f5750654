"""Google Wallet: documents, links, callbacks, and conversations with its stand-in."""

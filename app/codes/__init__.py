"""What a till scans: card tokens, the texts in QR codes, and how they are read. No database here."""

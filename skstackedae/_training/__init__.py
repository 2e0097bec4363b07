"""Training: from rows and settings to layers and a record."""

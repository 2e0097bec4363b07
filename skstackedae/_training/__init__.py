"""Training: takes rows and settings, returns layers and a record."""

"""Keys and sealed bytes, in published formats; pure: no files but the root key's, no clock, no rows."""

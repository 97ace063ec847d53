"""The doors: bytes in, bytes out, no rules of their own."""

"""Durable truth: blobs and rows. Nothing else in moorage is ever the only copy."""

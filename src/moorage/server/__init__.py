"""The composition root: settings, first start, stores, listeners and workers."""

"""A repository: refs, packs, the working cache, and `publish`, the only way refs change."""

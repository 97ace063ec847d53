"""The client: what runs on the user's machine. It imports `moorage.core` and the standard library only."""

"""Who may use which key, and the data keys that the keys wrap."""

"""One module a revision, named rNNNN_what; the newest is `migrations.HEAD`."""

"""What doctor checks on this machine: pure functions of the facts, one file for each subject."""

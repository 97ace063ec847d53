"""The SSH Git door: connections, logins, exec lines, and git's conversations over a channel."""

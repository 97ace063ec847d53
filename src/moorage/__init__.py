"""moorage: a self-hosted Git service, wire-compatible with AWS CodeCommit."""

__version__ = "0.1.0"

"""AWS CodeCommit: importing the package registers its operations with `codecommit`."""

from moorage.services.codecommit import branches, commits, encryption, repositories, tags
from moorage.services.codecommit.service import codecommit

__all__ = ["branches", "codecommit", "commits", "encryption", "repositories", "tags"]

"""AWS CodeCommit: importing the package registers its operations with `codecommit`."""

from moorage.services.codecommit import (
    branches,
    commit_creation,
    commits,
    differences,
    encryption,
    file_history,
    files,
    folders,
    merge_conflicts,
    merges,
    repositories,
    tags,
    triggers,
)
from moorage.services.codecommit.service import codecommit

__all__ = [
    "branches",
    "codecommit",
    "commit_creation",
    "commits",
    "differences",
    "encryption",
    "file_history",
    "files",
    "folders",
    "merge_conflicts",
    "merges",
    "repositories",
    "tags",
    "triggers",
]

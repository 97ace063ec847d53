"""What an approval rule says, whom it means, and whether it is met; templates, which give rules.

Pull requests rest on this, and not the other way: what changes one's own rules is with them.
"""

from moorage.repos.approval.evaluation import Evaluation
from moorage.repos.approval.judging import evaluate, on_created

__all__ = ["Evaluation", "evaluate", "on_created"]

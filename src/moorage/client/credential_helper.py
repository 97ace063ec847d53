"""The credential helper: `get`, `store` and `erase`, as Git calls them.

Run as a file by the launcher and by the line that `moorage setup` writes, with `python -I -S`; and
as `moorage credential-helper`. As a file it is compiled anew in each run, so it holds little: what it
does is in `credential_answer`, which Python keeps compiled. `store` and `erase` end at once: a
signature is made for each request, and none is kept.
"""

import sys

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: "Sequence[str]", *, expiry: bool = False) -> int:
    """Answer Git and return the exit status: 0 done or not ours, 1 no answer, 2 wrong usage.

    `expiry`: tell Git when the password ends, which the AWS CLI's helper does not.
    """
    if arguments and arguments[-1] in ("store", "erase"):
        return 0
    from moorage.client import credential_run

    return credential_run.run(arguments, expiry=expiry)


if __name__ == "__main__":
    # -I keeps the script's folder off the path. Ours comes last: no stranger stands before Python's own.
    sys.path.append(__file__.replace("\\", "/").rsplit("/", 3)[0])
    sys.exit(main(sys.argv[1:], expiry=True))

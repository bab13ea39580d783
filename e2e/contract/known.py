"""Where the answers of the two servers may differ, and why that stays: docs/adr/0010 points here.

Each entry: a step of suite.py, as an expression for its whole name; the beginning of a place in its answer, as an
expression; the reason. An entry that no difference needs any more is an error, so that the table tells the truth.
"""

_WORDS = "people read it, programs don't"
_OWN_FAULT = "a fault of kube-apiserver (500, or an answer without a reason) that no client counts on"
_HISTORY = (
    "the log of changes of a server that has just started is complete; one that has dropped old changes answers 410 as "
    "Kubernetes does (api_server_test)"
)

KNOWN: list[tuple[str, str, str]] = [
    (r"representations: table.*", r"body\.columnDefinitions\[\d+\]\.description", _WORDS),
    (r"watches: a table", r"events\[0\]\.object\.columnDefinitions\[\d+\]\.description", _WORDS),
    (r"openapi: an unknown document", r"body", _WORDS),
    (r"crud: (another uid|delete another version|delete with another uid)", r"body\.(message|details\.kind)",
     "the reason and the code are the same; " + _WORDS),
    (r"crud: replace without a version", r"body\.details\.kind", "the kind, as in all other answers of 422"),
    (r"crud: another kind in the body", r"", "400 instead of 422: both say that it can't be created there"),
    (r"validation: a post to a name", r"", "405; Kubernetes creates the object, which its documentation doesn't say"),
    (r"validation: a bad owner", r"body\.causes", "ours names the item of the list too"),
    (r"patches: JSON patch, an unknown operation", r"", "400 instead of 422, as for other bodies that are no JSON patch"),
    (r"apply: a bad force", r"", "Kubernetes takes every word but true for false; ours refuses what is neither"),
    (r"apply: an unknown field, strictly", r"", _OWN_FAULT),
    (r"apply: the same by another|status-and-scale: (what scale did|who owns what after that)",
     r"body\.metadata\.managedFields\[\d+\]\.time", "Kubernetes leaves the time out of some entries"),
    (r"status-and-scale: (an unknown field of|replace) status|status-and-scale: (status takes only status|what scale did|who owns what after that)",
     r"body\.metadata\.managedFields\[\d+\]\.fieldsV1\.f:metadata",
     "Kubernetes notes labels that a status update brought though it ignored them"),
    (r"status-and-scale: scale by server-side apply", r"", _OWN_FAULT + "; ours says 415"),
    (r"status-and-scale: scale of another type", r"body\.", "the same code; ours names the field of the cluster"),
    (r"status-and-scale: delete of status", r"body\.details", _WORDS),
    (r"watches: a bad version", r"", _OWN_FAULT),
    (r"watches: initial events, exactly", r"events\[0\]\.causes", "the same field and code, one reason less"),
    (r"watches: too old", r"", _HISTORY),
    (r"built-in: .*|namespaces: .*|representations: table of a namespace", r".*\.?metadata\.managedFields\[\d+\]\.fieldsV1",
     "of built-in kinds ours lists what the server fills in as the writer's, and the maps that it stands in; who conflicts "
     "with whom is the same"),
    (r"reviews: no attributes", r"body\.details\.kind", _WORDS),
]

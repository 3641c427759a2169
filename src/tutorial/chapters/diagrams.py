"""The chapters' diagrams as drawings, for pages on which nothing can draw Mermaid."""

import hashlib

from ..shared.steps import ROOT

DRAWINGS = ROOT / "docs/diagrams"


def drawing_of(step, text):
    """Return the path of the SVG file with the drawing of a diagram in a chapter.

    Its name is a digest of the diagram's text, so that a changed diagram never appears
    as it was: it has no drawing until `make diagrams` has made one.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return DRAWINGS / f"{step.number}-{digest}.svg"

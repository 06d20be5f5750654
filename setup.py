"""The one step of the build that setup.cfg cannot say: the pages of problems go into the wheel beside /docs."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithProblems(build_py):
    """Copy `docs/problems/*.md` to `web/docs/problems/` of what is built, where `api.resources.docs_pages` looks."""

    def run(self) -> None:
        """Build the packages, then copy; an editable installation reads the pages where they are."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "web" / "docs" / "problems"
            target.mkdir(parents=True, exist_ok=True)
            for page in sorted(Path("docs/problems").glob("*.md")):
                shutil.copy(page, target)


setup(cmdclass={"build_py": BuildWithProblems})

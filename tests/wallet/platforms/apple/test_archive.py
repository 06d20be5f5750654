"""Archives, read back by the standard library and by Info-ZIP's tools."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tools
from wallet.platforms.apple import archive

contents = st.dictionaries(st.from_regex(r"\A[a-z]{1,8}(@2x)?\.[a-z]{3}\Z"), st.binary(max_size=2_000), max_size=8)


@given(contents, contents)
def test_what_is_packed_is_what_is_read(still: dict[str, bytes], rest: dict[str, bytes]) -> None:
    rest = {f"fr.lproj/{name}": content for name, content in rest.items()}
    packed = b"".join(archive.close(archive.part(still.items()), rest.items()))
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == {**still, **rest}
        assert all(info.compress_type == zipfile.ZIP_STORED for info in opened.infolist())


def test_the_same_files_are_the_same_bytes() -> None:
    files = [("icon.png", b"icon"), ("en.lproj/pass.strings", b"words")]
    assert archive.pack(files) == archive.pack(files)


def test_another_tool_finds_nothing_wrong(tmp_path: Path) -> None:
    tools.need("unzip")
    path = tmp_path / "a.zip"
    path.write_bytes(archive.pack([("icon.png", bytes(100_000)), ("fr.lproj/pass.strings", b""), ("signature", b"x")]))
    ran = subprocess.run(["unzip", "-tqq", path], capture_output=True, text=True, check=False, timeout=120)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "path",
    ["", "/icon.png", "../icon.png", "a/../b.png", ".DS_Store", "__MACOSX/._icon.png", "a/b/c.png", "é.png", "a/"],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        archive.pack([(path, b"")])


def test_a_path_that_is_there_already_is_refused() -> None:
    with pytest.raises(ValueError, match="there twice"):
        archive.pack([("icon.png", b"1"), ("icon.png", b"2")])

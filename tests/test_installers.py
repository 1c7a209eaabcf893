"""What MicroPython's mip and Pyodide's micropip install, by their own code where it is found."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from local_server import serving

import tinynn as nn
from tinynn.cli import main
from tinynn.single_file import build
from tinynn.single_file.mip import mip_files

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILED = b"M\x06\x00\x1f compiled"


@pytest.fixture()
def folder(tmp_path):
    assert main(["vendor", str(tmp_path / "served"), "--mip", "--quiet"]) == 0
    return tmp_path / "served"


def test_the_folder_describes_itself(folder, capsys):
    source = build([], minimal=True).source.encode()
    assert (folder / "tinynn.py").read_bytes() == source
    assert json.loads((folder / "package.json").read_text()) == {
        "urls": [["tinynn.py", "tinynn.py"]], "deps": [], "version": nn.__version__,
    }  # fmt: skip
    for which in ("latest", nn.__version__):
        described = json.loads((folder / "package" / "py" / "tinynn" / f"{which}.json").read_text())
        (path, short), *more = described["hashes"]
        assert (path, more, described["version"]) == ("tinynn.py", [], nn.__version__)
        assert short == hashlib.sha256(source).hexdigest()[:8]
        assert (folder / "file" / short[:2] / short).read_bytes() == source


def test_equal_sources_make_equal_folders():
    assert mip_files("x = 1\n", "1.2.3") == mip_files("x = 1\n", "1.2.3")


def test_what_was_compiled_is_served_too(tmp_path, capsys):
    (tmp_path / "tinynn.mpy").write_bytes(COMPILED)
    words = ["vendor", str(tmp_path / "a"), "--mip", "--mpy", str(tmp_path / "tinynn.mpy")]
    assert main(words) == 0
    assert "a: 9 files for MicroPython's mip; parts: core, train\n" in capsys.readouterr().out
    assert json.loads((tmp_path / "a" / "package.json").read_text())["urls"] == [
        ["tinynn.mpy", "tinynn.mpy"]
    ]
    described = json.loads(
        (tmp_path / "a" / "package" / "6" / "tinynn" / "latest.json").read_text()
    )
    assert described["hashes"] == [["tinynn.mpy", hashlib.sha256(COMPILED).hexdigest()[:8]]]


@pytest.mark.parametrize("data", [b"", b"M\x05\x00", b"import os"])
def test_what_was_not_compiled_is_refused(data, tmp_path, capsys):
    (tmp_path / "x.mpy").write_bytes(data)
    words = ["vendor", str(tmp_path / "a"), "--mip", "--mpy", str(tmp_path / "x.mpy")]
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "tinynn: mip needs a file compiled by mpy-cross, of format 6, got one that begins with "
        f"{data[:2]!r}\n"
    )
    assert not (tmp_path / "a").exists()


def test_compiled_files_are_for_mip_alone(capsys):
    assert main(["vendor", "x.py", "--minimal", "--mpy", "x.mpy"]) == 2
    assert capsys.readouterr().err == "tinynn: --mpy is for --mip\n"


def mpy_cross():
    """Return the words that run mpy-cross, or None."""
    if shutil.which("mpy-cross"):
        return ["mpy-cross"]
    found = subprocess.run([sys.executable, "-m", "mpy_cross", "--version"], capture_output=True)
    return [sys.executable, "-m", "mpy_cross"] if found.returncode == 0 else None


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_mip_itself_installs_it(tmp_path, compiled):
    """By its address and by its name; a second time it finds all there by the hash."""
    micropython = shutil.which("micropython")
    if not micropython:
        pytest.skip("micropython is not on PATH: mip's own code will not be run")
    words = ["vendor", str(tmp_path / "served"), "--mip", "--quiet"]
    if compiled:
        cross = mpy_cross()
        if not cross:
            pytest.skip("no mpy-cross: COMPILED FILES FOR MICROPYTHON WILL NOT BE TESTED")
        (tmp_path / "tinynn.py").write_text(build([], minimal=True).source, encoding="utf-8")
        subprocess.run([*cross, "tinynn.py"], cwd=tmp_path, check=True)
        words += ["--mpy", str(tmp_path / "tinynn.mpy")]
    assert main(words) == 0
    with serving(tmp_path / "served") as base:
        program = (
            "import mip, sys\n"
            f"mip.install('{base}/package.json', target='a')\n"
            "for _ in range(2):\n"
            f"    mip.install('tinynn', index='{base}', target='b', mpy={compiled})\n"
            "sys.path.insert(0, 'b')\n"
            "import tinynn as nn\n"
            "m = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1))\n"
            "nn.fit(m, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], epochs=2)\n"
            "print(nn.__version__)\n"
        )
        done = subprocess.run(
            [micropython, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == nn.__version__ and done.stdout.count("Exists: b") == 1
    name = "tinynn.mpy" if compiled else "tinynn.py"
    for place in ("a", "b"):
        assert (tmp_path / place / name).read_bytes() == (tmp_path / "served" / name).read_bytes()


@pytest.mark.slow
def test_micropip_itself_installs_the_wheel(tmp_path):
    """From a local address, under Node; TINYNN_MICROPIP: a folder with its wheels."""
    for name in ("TINYNN_PYODIDE_312", "TINYNN_MICROPIP"):
        if not os.environ.get(name):
            pytest.skip(f"{name} is not set: MICROPIP WILL NOT BE TRIED")
    if not shutil.which("node"):
        pytest.skip("node is not on PATH: MICROPIP WILL NOT BE TRIED")
    words = ["-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    made = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"pip makes no wheel here: {made.stderr[-300:]}")
    (wheel,) = (path.name for path in tmp_path.glob("tinynn*.whl"))
    others = sorted(pathlib.Path(os.environ["TINYNN_MICROPIP"]).glob("*.whl"))
    for path in others:
        shutil.copy(path, tmp_path)
    pyodide = pathlib.Path(os.environ["TINYNN_PYODIDE_312"]) / "node_modules" / "pyodide"
    runner = ROOT / "tests" / "runners" / "micropip.mjs"
    with serving(tmp_path) as base:
        names = ",".join(path.name for path in others)
        done = subprocess.run(
            ["node", str(runner), str(pyodide), base, names, wheel], capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip
    assert f"installed {nn.__version__} {nn.__version__}\n" in done.stdout, done.stderr

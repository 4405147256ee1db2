"""The wheel, in an environment of its own outside the checkout: it brings its config and serves."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.server_process import ROOT, ServerProcess, clean_env

pytestmark = pytest.mark.timeout(120)


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """What it said on stdout, or on stderr when it was to end with another `code` than 0."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; it finds what the wheel depends on where the tests do, so nothing is fetched."""
    place = tmp_path_factory.mktemp("elsewhere") / "env"
    venv.create(place, symlinks=True)
    (library,) = (place / "lib").glob("python*/site-packages")
    (library / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--python", place / "bin" / "python", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=place)
    return place


def test_the_wheel_holds_the_product_its_config_and_nothing_else(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ivr_bridge"}
    wanted = {path.relative_to(ROOT / "config").as_posix() for path in (ROOT / "config").rglob("*") if path.is_file()}
    assert {name.removeprefix("ivr_bridge/_config/") for name in names if "/_config/" in name} == wanted
    assert not [name for name in names if "__pycache__" in name or name.endswith((".wav", ".log"))]
    assert [name for name in names if name.endswith("/licenses/LICENSE")]


def test_installed_elsewhere_it_writes_its_config_and_serves(installed: Path, tmp_path: Path):
    python = installed / "bin" / "python"
    where = run(python, "-c", "import ivr_bridge; print(ivr_bridge.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed), "not the checkout"
    assert run(installed / "bin" / "ivr-bridge", "--version", cwd=tmp_path).startswith("ivr-bridge ")
    nowhere = run(installed / "bin" / "ivr-bridge", "serve", "--port", "0", cwd=tmp_path, code=2)
    assert "ivr-bridge init . writes the default config" in nowhere
    desk = tmp_path / "desk"
    said = run(installed / "bin" / "ivr-bridge", "init", desk, cwd=tmp_path)
    assert "Next: cd" in said
    assert (desk / "config" / "bridge.yaml").read_text() == (ROOT / "config" / "bridge.yaml").read_text()
    command = (str(python), "-W", "ignore::DeprecationWarning", str(installed / "bin" / "ivr-bridge"))
    with ServerProcess(desk / "var", command=command, cwd=desk) as server:
        assert server.get("/healthz")[0] == 200
        assert set(server.children) == {"valkey", "sandbox"}
        assert server.until("prompts.loaded")
        child = Path(f"/proc/{server.children['sandbox']}/cmdline")
        if child.exists():
            assert os.fsencode(python) in child.read_bytes(), "the offline agent is the wheel's, too"

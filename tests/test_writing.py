"""Files on the disk: the old content or the new, whatever happens, and nothing beside them."""

from __future__ import annotations

import errno
import os
import random
import stat
import struct
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from tinynn.cli import main
from tinynn.files import atomic

LINUX = sys.platform.startswith("linux")
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files to others"
)
posix = pytest.mark.skipif(atomic.fcntl is None, reason="Windows has no such permissions")


@pytest.fixture(params=["nameless", "named"])
def folder(request, tmp_path, monkeypatch):
    """Return a folder on a system that has files without names, and on one that has none."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(program, *arguments, **more):
    """Run a program in another process; `NAMED` in its environment takes nameless files away."""
    program = (
        "import os, sys\n"
        "if 'NAMED' in os.environ and hasattr(os, 'O_TMPFILE'): del os.O_TMPFILE\n"
        "from tinynn.files import atomic\n" + textwrap.dedent(program)
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **more
    )


def names(folder):
    return sorted(os.listdir(folder))


# --- killed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True], ids=["nameless", "named"])
@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.skipif(sys.platform == "win32", reason="the file may be read while it is replaced")
def test_a_process_killed_at_any_moment_leaves_a_whole_file_and_no_other(tmp_path, named, kills):
    path = tmp_path / "x.txt"
    path.write_text("0" * 200_000)
    wanted = {digit * 200_000 for digit in "0123456789"}
    clock = random.Random(7)
    environment = {**os.environ, **({"NAMED": "1"} if named else {})}
    for _ in range(kills):
        process = run(
            """
            print("go", flush=True)
            while True:
                for digit in "0123456789":
                    atomic.write_text(sys.argv[1], digit * 200_000)
            """, path, env=environment,
        )  # fmt: skip
        assert process.stdout.readline() == "go\n"
        time.sleep(clock.uniform(0.0, 0.06))
        process.kill()
        process.communicate()
        assert path.read_text() in wanted
        assert len(names(tmp_path)) <= 2  # nameless, it has a name for microseconds only
    atomic.write_text(tmp_path / "another.txt", "")
    assert names(tmp_path) == ["another.txt", "x.txt"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("moment", ["fsync", "replace", "fchmod"])
def test_what_a_process_killed_in_the_middle_leaves_goes_with_the_next_file(folder, moment):
    """Killed between any two calls of the system, the process cannot remove its own new file."""
    atomic.write_text("x.txt", "old")
    child = os.fork()
    if not child:
        setattr(os, moment, lambda *arguments: os.kill(os.getpid(), 9))
        atomic.write_text("x.txt", "new")
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 9
    assert (folder / "x.txt").read_text() == "old"
    left = names(folder)
    assert len(left) <= 2
    if hasattr(os, "O_TMPFILE") and LINUX and moment != "replace":
        assert left == ["x.txt"]
    atomic.check_writing("y.txt")
    assert names(folder) == ["x.txt"]


def test_new_files_that_others_write_are_left_to_them(folder):
    """In this process by a table of names, in another by its lock."""
    program = """
        with atomic.writing("theirs.txt") as file:
            print("go", flush=True)
            sys.stdin.readline()
            file.write(b"theirs")
    """
    environment = {**os.environ, "NAMED": "1"}
    other = run(program, stdin=subprocess.PIPE, env=environment)
    assert other.stdout.readline() == "go\n"
    with atomic.writing("ours.txt", text=True) as file:
        for k in range(3):
            atomic.write_text(f"{k}.txt", "short")
        file.write("ours")
    assert ".tinynn-0.part" in names(folder)
    assert other.communicate("\n") == ("", "")
    assert names(folder) == ["0.txt", "1.txt", "2.txt", "ours.txt", "theirs.txt"]
    assert (folder / "theirs.txt").read_text() == "theirs"
    assert (folder / "ours.txt").read_text() == "ours"


def test_leftovers_are_removed_wherever_they_are_in_the_row(folder):
    for number in (0, 3, atomic.NUMBERS - 1):
        (folder / f".tinynn-{number}.part").write_text("half")
    (folder / "other.part").write_text("no file of ours")
    atomic.write_bytes("x.bin", b"\0")
    assert names(folder) == ["other.part", "x.bin"]


def test_without_locks_only_old_leftovers_are_removed(folder, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    old, young = folder / ".tinynn-0.part", folder / ".tinynn-1.part"
    old.write_text("half")
    young.write_text("half")
    os.utime(old, (time.time() - 100, time.time() - 100))
    atomic.write_text("x.txt", "whole")
    assert names(folder) == [".tinynn-1.part", "x.txt"]


def test_without_locks_a_reader_of_the_old_file_is_waited_for(folder, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    real, calls = os.replace, []

    def busy(*names):
        calls.append(names)
        if len(calls) < 4:
            raise PermissionError(errno.EACCES, "in use")
        real(*names)

    monkeypatch.setattr(os, "replace", busy)
    atomic.write_text("x.txt", "new")
    assert len(calls) == 4
    assert names(folder) == ["x.txt"]


# --- many writers -----------------------------------------------------------------------------


def test_threads_and_processes_may_write_the_same_file(folder):
    sizes = [1, 70_000, 300_000]
    wanted = {bytes([65 + k]) * size for k in range(3) for size in sizes}
    program = """
        data = [bytes([65 + int(sys.argv[1])]) * size for size in (1, 70_000, 300_000)]
        for _ in range(10):
            for one in data: atomic.write_bytes("x.bin", one)
    """
    named = {} if hasattr(os, "O_TMPFILE") else {"NAMED": "1"}
    others = [run(program, k, env={**os.environ, **named}) for k in range(2)]
    failures = []

    def work():
        try:
            for _ in range(10):
                for size in sizes:
                    atomic.write_bytes("x.bin", b"C" * size)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if (folder / "x.bin").exists():
            assert (folder / "x.bin").read_bytes() in wanted
    assert [other.communicate() for other in others] == [("", "")] * 2
    assert failures == []
    assert names(folder) == ["x.bin"]


# --- rights -----------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o777, 0o644])
def test_permissions_stay_and_nobody_else_can_read_meanwhile(folder, mode):
    (folder / "x.txt").write_text("old")
    (folder / "x.txt").chmod(mode)
    with atomic.writing("x.txt") as file:
        file.write(b"new")
        file.flush()
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode
        for name in names(folder):
            assert stat.S_IMODE(os.stat(name).st_mode) == mode
    assert stat.S_IMODE(os.stat("x.txt").st_mode) == mode


@posix
def test_a_new_file_is_never_more_open_than_the_old_one(folder, monkeypatch):
    (folder / "x.txt").write_text("old")
    (folder / "x.txt").chmod(0o600)
    modes = []
    real = os.open

    def spy(path, flags, mode=0o777, **more):
        descriptor = real(path, flags, mode, **more)
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    before = os.umask(0)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", spy)
            atomic.write_text("x.txt", "new")
        assert modes[0] == 0o600
        atomic.write_text("y.txt", "new")
        assert stat.S_IMODE(os.stat("y.txt").st_mode) == 0o666
        os.umask(0o027)
        atomic.write_text("z.txt", "new")
        assert stat.S_IMODE(os.stat("z.txt").st_mode) == 0o640
    finally:
        os.umask(before)


@posix
def test_permissions_given_while_a_file_is_written_count(folder):
    (folder / "x.txt").write_text("old")
    with atomic.writing("x.txt") as file:
        file.write(b"secret")
        (folder / "x.txt").chmod(0o600)
    assert stat.S_IMODE(os.stat("x.txt").st_mode) == 0o600


@needs_root
def test_the_owner_stays(folder):
    (folder / "x.txt").write_text("old")
    os.chown("x.txt", 1234, 4321)
    os.chmod("x.txt", 0o640)
    atomic.write_text("x.txt", "new")
    found = os.stat("x.txt")
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o640)


@needs_root
def test_a_file_that_cannot_stay_another_users_is_refused(folder):
    (folder / "x.txt").write_text("old")
    os.chmod("x.txt", 0o666)
    os.chmod(folder, 0o777)
    done = as_nobody("atomic.write_text('x.txt', 'new')", folder)
    assert done == (
        "PermissionError: [Errno 1] it belongs to another user, and a new file would not: 'x.txt'"
    )
    assert (folder / "x.txt").read_text() == "old"
    assert names(folder) == ["x.txt"]


@needs_root
def test_a_group_that_cannot_be_kept_gets_what_others_have(folder):
    (folder / "x.txt").write_text("old")
    os.chown("x.txt", 65534, 0)
    os.chmod("x.txt", 0o674)
    os.chmod(folder, 0o777)
    assert as_nobody("atomic.write_text('x.txt', 'new')", folder) == ""
    found = os.stat("x.txt")
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65534, 0o644)


@needs_root
@pytest.mark.parametrize(
    ("target", "right", "message"),
    [
        ("x.txt", 0o555, "PermissionError: [Errno 13] Permission denied: 'x.txt'"),
        ("new.txt", 0o555, "PermissionError: [Errno 13] Permission denied: 'new.txt'"),
        ("locked.txt", 0o777, "PermissionError: [Errno 13] Permission denied: 'locked.txt'"),
    ],
)
def test_a_folder_or_file_that_is_read_only_is_refused(folder, target, right, message):
    for name, mode in (("x.txt", 0o666), ("locked.txt", 0o444)):
        (folder / name).write_text("old")
        (folder / name).chmod(mode)
    os.chmod(folder, right)
    for call in (f"atomic.check_writing({target!r})", f"atomic.write_text({target!r}, 'new')"):
        assert as_nobody(call, folder) == message
        assert names(folder) == ["locked.txt", "x.txt"]
        assert (folder / "x.txt").read_text() == (folder / "locked.txt").read_text() == "old"


def as_nobody(program, folder):
    """Run a line as a user without rights; return the last line of the error."""
    for above in folder.parents:
        if not os.stat(above).st_mode & 0o001:
            os.chmod(above, os.stat(above).st_mode | 0o011)
    named = {} if hasattr(os, "O_TMPFILE") else {"NAMED": "1"}
    # What is imported while running may lie where nobody else may read.
    prepare = (
        "import encodings.idna, traceback; os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    )
    process = run(f"{prepare}\n{program}", env={**os.environ, **named}, cwd=folder)
    return (process.communicate()[1].strip().splitlines() or [""])[-1]


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="this system has other lists")
def test_an_access_control_list_stays(folder):
    (folder / "x.txt").write_text("old")
    # Version 2: the owner rw, user 1234 r, the group nothing, mask r, others nothing.
    entries = [(1, 6, -1), (2, 4, 1234), (4, 0, -1), (16, 4, -1), (32, 0, -1)]
    acl = (2).to_bytes(4, "little") + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr("x.txt", atomic.ACL, acl)
    except OSError:
        pytest.skip("this file system has no access control lists")
    atomic.write_text("x.txt", "new")
    assert os.getxattr("x.txt", atomic.ACL) == acl
    os.removexattr("x.txt", atomic.ACL)
    os.chmod("x.txt", 0o600)
    os.setxattr(folder, "system.posix_acl_default", acl)  # what new files get
    atomic.write_text("x.txt", "newer")
    with pytest.raises(OSError):
        os.getxattr("x.txt", atomic.ACL)
    assert stat.S_IMODE(os.stat("x.txt").st_mode) == 0o600


def test_another_hard_link_keeps_the_old_content(folder):
    (folder / "x.txt").write_text("old")
    os.link("x.txt", "y.txt")
    atomic.write_text("x.txt", "new")
    assert ((folder / "x.txt").read_text(), (folder / "y.txt").read_text()) == ("new", "old")


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [atomic.check_writing, lambda path: atomic.write_text(path, "x")])
@pytest.mark.parametrize(
    ("path", "kind", "number"),
    [
        ("none/x.txt", FileNotFoundError, errno.ENOENT),
        ("folder", IsADirectoryError, errno.EISDIR),
        ("file/x.txt", NotADirectoryError, errno.ENOTDIR),
        ("x" * 256, OSError, errno.ENAMETOOLONG),
        ("folder/" + "x" * 256, OSError, errno.ENAMETOOLONG),
    ],
)
@posix
def test_an_error_names_the_file_as_the_caller_did(folder, call, path, kind, number):
    (folder / "folder").mkdir()
    (folder / "file").write_text("old")
    with pytest.raises(kind) as caught:
        call(path)
    assert str(caught.value) == f"[Errno {number}] {os.strerror(number)}: {path!r}"
    assert names(folder) == ["file", "folder"]


def full(*arguments, **more):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "link", "replace"])
def test_a_full_disk_changes_nothing(folder, monkeypatch, call):
    (folder / "x.txt").write_text("old")
    monkeypatch.setattr(os, call, full)
    if call == "link" and not hasattr(os, "O_TMPFILE"):
        return  # the new file has its name from the start
    with pytest.raises(OSError) as caught:
        atomic.write_text("x.txt", "new")
    assert str(caught.value) == "[Errno 28] No space left on device: 'x.txt'"
    assert names(folder) == ["x.txt"]
    assert (folder / "x.txt").read_text() == "old"


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("size", [10, 5_000_000])
@posix
def test_a_file_that_grows_too_large_changes_nothing(folder, text, size):
    """A limit of the system fails where a full disk does: in `write`, or in `flush`."""
    (folder / "x.txt").write_text("old")
    named = {} if hasattr(os, "O_TMPFILE") else {"NAMED": "1"}
    program = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))
        with atomic.writing("x.txt", text={text}) as file:
            file.write({"'x'" if text else "b'x'"} * {size})
    """
    error = run(program, env={**os.environ, **named}).communicate()[1]
    assert error.splitlines()[-1] == "OSError: [Errno 27] File too large: 'x.txt'"
    assert names(folder) == ["x.txt"]
    assert (folder / "x.txt").read_text() == "old"


def test_an_error_of_the_caller_stays_as_it_is(folder):
    (folder / "x.txt").write_text("old")
    for error in (
        ValueError("no"),
        KeyboardInterrupt(),
        OSError("no number"),
        FileNotFoundError(2, "no", "y"),
    ):
        with pytest.raises(type(error)) as caught, atomic.writing("x.txt", text=True) as file:
            file.write("new" * 10_000)
            raise error
        assert caught.value is error
        assert getattr(error, "filename", None) in (None, "y")
        assert names(folder) == ["x.txt"]
        assert (folder / "x.txt").read_text() == "old"


def test_the_disk_has_the_file_before_its_name(folder, monkeypatch):
    done = []
    for call in ("fsync", "replace"):
        real = getattr(os, call)
        monkeypatch.setattr(
            os, call, lambda *a, call=call, real=real: (done.append(call), real(*a))
        )
    atomic.write_text("x.txt", "new")
    assert done == ["fsync", "replace"] + ["fsync"] * (sys.platform != "win32")


# --- commands ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return a folder with a table, a model of it, and a network."""
    folder = tmp_path_factory.mktemp("model")
    lines = [f"{k % 7},{k % 5},{'yes' if k % 3 else 'no'}" for k in range(60)]
    (folder / "t.csv").write_text("\n".join(["a,b,y", *lines, ""]))
    words = ["train", folder / "t.csv", "--target", "y", "--quiet", "--epochs", "2", "--out"]
    assert main([*map(str, words), str(folder / "m.json")]) == 0
    return folder


COMMANDS = [
    ["train", "{}/t.csv", "--target", "y", "--epochs", "1", "--quiet", "--out"],
    ["train", "{}/t.csv", "--target", "y", "--epochs", "1", "--quiet", "--report"],
    ["text", "train", "{}/t.csv", "--epochs", "1", "--quiet", "--out"],
    ["predict", "{}/m.json", "{}/t.csv", "--out"],
    ["evaluate", "{}/m.json", "{}/t.csv", "--quiet", "--report"],
    ["plot", "{}/m.json", "--out"],
    ["export", "{}/m.json", "--to", "python", "--out"],
    ["export", "{}/m.json", "--to", "onnx", "--out"],
    ["export", "{}/m.json", "--to", "safetensors", "--out"],
    ["export", "{}/m.json", "--to", "c", "--out"],
    ["export", "{}/m.json", "--to", "javascript", "--out"],
    ["demo", "--csv"],
    ["explain", "mazur", "--html"],
    ["vendor", "--minimal"],
]


@posix
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: "-".join(words[:1] + words[-1:]))
def test_every_command_writes_with_the_one_writer(tmp_path, model, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    name = {"onnx": "out.onnx", "python": "out.py", "c": "out.h", "javascript": "out.mjs",
            "safetensors": "out.safetensors"}.get(words[-2], "out.html")  # fmt: skip
    arguments = [word.format(model) for word in words] + [name]
    (tmp_path / name).write_text("old")
    (tmp_path / name).chmod(0o600)
    real = os.fsync
    monkeypatch.setattr(os, "fsync", full)
    assert main(arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"tinynn: {name}: No space left on device"
    assert (tmp_path / name).read_text() == "old"
    assert names(tmp_path) == [name]
    monkeypatch.setattr(os, "fsync", real)
    assert main(arguments) == 0
    assert (tmp_path / name).read_text(errors="replace") != "old"
    assert stat.S_IMODE(os.stat(name).st_mode) == 0o600
    if words[-2] != "c":  # which has a second file
        assert names(tmp_path) == [name]


@needs_root
def test_a_command_says_before_it_works_that_it_cannot_write(folder, model, monkeypatch, capsys):
    (folder / "x.csv").write_text("old")
    os.chown("x.csv", 1234, -1)
    words = ["predict", str(model / "m.json"), "no.csv", "--out", "x.csv"]

    def denied(*arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", denied)
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "tinynn: x.csv cannot be written: it belongs to another user, and a new file would not\n"
    )
    monkeypatch.setattr(os, "access", lambda path, right: False)
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f"tinynn: x.csv cannot be written: the directory {folder} is not writable\n"
    )
    assert names(folder) == ["x.csv"]


@posix
def test_a_table_as_long_as_the_disk_is_not_half_written(folder, model):
    (folder / "x.csv").write_text("old")
    (folder / "x.csv").chmod(0o600)
    (folder / "long.csv").write_text("a,b\n" + "1,2\n" * 50_000)
    program = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        from tinynn.cli import main
        sys.exit(main(["predict", {str(model / "m.json")!r}, "long.csv", "--out", "x.csv"]))
    """
    process = run(program)
    assert process.communicate() == ("", "tinynn: x.csv: File too large\n")
    assert process.returncode == 2
    assert names(folder) == ["long.csv", "x.csv"]
    assert (folder / "x.csv").read_text() == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_device_ends_in_one_sentence(folder, model, capsys):
    words = ["predict", str(model / "m.json"), str(model / "t.csv"), "--out", "/dev/full"]
    assert main(words) == 2
    assert capsys.readouterr().err == "tinynn: /dev/full: No space left on device\n"
    assert names(folder) == []


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    files = {"a.txt": b"1", "b/c.txt": b"2"}
    atomic.write_folder(str(tmp_path / "new"), files)
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"1"
    assert (tmp_path / "new" / "b" / "c.txt").read_bytes() == b"2"
    (tmp_path / "new" / "other").write_bytes(b"kept")
    (tmp_path / "new" / "z.txt").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic.write_folder(str(tmp_path / "new"), {"a.txt": b"3", "z.txt": b"4"})
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"1"
    assert (tmp_path / "new" / "other").read_bytes() == b"kept"

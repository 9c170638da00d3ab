"""The inside of the sandbox: a program of its own that takes an order on stdin and obeys limits.

Started by `sandbox.py` with `python -I -S`, so it imports the standard library alone. It answers
with one line on stdout, the order's nonce and the kind of isolation, if the program ran to its end.
"""

import ctypes
import json
import os
import resource
import signal
import sys

# From Linux' <sched.h> and <sys/prctl.h>.
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC = 1 << 28, 1 << 29, 1 << 30, 1 << 27
PR_SET_PDEATHSIG = 1
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Audit events of the standard library, by their beginnings; `open` is judged by its flags.
REFUSED = (
    "socket.", "subprocess.", "ctypes.", "shutil.", "signal.pthread_kill",
    "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "os.kill",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.chown", "os.chflags", "os.utime", "os.setxattr", "os.removexattr",
)  # fmt: skip


def main() -> None:
    """Read the order, take everything away that the program does not need, run it."""
    order = json.loads(sys.stdin.buffer.read())
    answer_fd = os.dup(1)
    os.set_inheritable(answer_fd, False)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    isolated = enter_namespaces()
    if isolated:
        inner = os.fork()  # the first process of the new PID namespace: all others die with it
        if inner:
            os.close(answer_fd)
            os.waitpid(inner, 0)
            return
        libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    set_limits(order)
    code = compile(order["source"], "program.py", "exec")
    sys.argv = ["program.py"]
    sys.addaudithook(refuse)
    exec(code, {"__name__": "__main__"})  # noqa: S102 - what this sandbox is for
    isolation = "namespaces" if isolated else "audit hook"
    os.write(answer_fd, f"{order['nonce']} {isolation}".encode())
    os._exit(0)


def libc() -> ctypes.CDLL:
    """Return the C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def enter_namespaces() -> bool:
    """Leave the network and other processes behind, as root or, where allowed, as anybody."""
    flags = CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC
    try:
        unshare = libc().unshare
    except AttributeError:  # not Linux
        return False
    return any(unshare(more | flags) == 0 for more in (0, CLONE_NEWUSER))


def set_limits(order: dict[str, int]) -> None:
    """Limit this process; processes per user (not counted for root) to the one that runs."""
    limits = {
        resource.RLIMIT_AS: order["memory_bytes"],
        resource.RLIMIT_CPU: order["cpu_seconds"],
        resource.RLIMIT_FSIZE: order["file_bytes"],
        resource.RLIMIT_NPROC: 1,
        resource.RLIMIT_NOFILE: 32,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in limits.items():
        resource.setrlimit(kind, (value, value))


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Raise where the program reaches for the network, processes or files of the machine."""
    if event == "open":
        flags = arguments[2]
        if not isinstance(flags, int) or not flags & WRITING:
            return
    elif not event.startswith(REFUSED):
        return
    raise PermissionError(f"{event} is not allowed in the sandbox")


if __name__ == "__main__":
    main()

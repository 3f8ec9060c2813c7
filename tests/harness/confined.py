"""Runs a program as its systemd unit would, as far as that goes without systemd; root only.

    confined.py UNIT PROGRAM [ARGUMENT ...]

in the folder of a gateway, whose data and run become the unit's StateDirectory and RuntimeDirectory.
What the unit says decides: its user (as a number that nobody has), environment, limits, the lists of
system calls. PROGRAM is started by the unit's ExecStart; with arguments it is run as it is.

Not like systemd: no control group (MemoryMax, TasksMax, IPAddressDeny, DevicePolicy), and only those of
its directives that are named here.
"""

import ctypes
import os
import platform
import re
import resource
import socket
import struct
import subprocess
import sys
from pathlib import Path

USER = 64320  # nobody's number
# Stands for the folder of the unit's ExecStart: all of /usr/lib would have to go to make that one.
PROGRAMS = Path("/usr/local/lib/sms-gateway")
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x8000000, 0x10000000, 0x40000000
CLONE_NEW_ANY = 0x7e020000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 0x1000, 0x4000, 0x40000
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 24, 38
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, ERRNO = 0x7fff0000, 0x00050000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
PROT_WRITE, PROT_EXEC = 2, 4

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


# ---- The unit ----


# Where an installed gateway has its data, as deploy/debian/rules writes it into the settings.
INSTALLED = {"DATABASE_PATH": "/var/lib/sms-gateway/sms-gateway.db",
             "RUNTIME_DIR": "/run/sms-gateway"}


def read_unit(path):
    """Directive -> its values, in order. An empty value takes back those before it, as in systemd."""
    directives = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"([A-Z]\w*)=(.*)", line.strip()):
            name, value = match.groups()
            directives[name] = [*directives.get(name, []), value] if value else []
    return directives


def system_call_set(name):
    """The names in one of systemd's sets."""
    names = set()
    for line in subprocess.check_output(["systemd-analyze", "--no-pager", "syscall-filter", name],
                                        text=True).splitlines():
        word = line.strip()
        if word.startswith("@") and word != name:
            names |= system_call_set(word)
        elif word and word[0] not in "@#":
            names.add(word)
    return names


def allowed_calls(unit):
    """The names of the system calls that a unit's SystemCallFilter lets through."""
    names = system_call_set("@default")
    for value in unit["SystemCallFilter"]:
        words = value.removeprefix("~").split()
        found = set().union(*(system_call_set(word) if word[0] == "@" else {word} for word in words))
        names = names - found if value[0] == "~" else names | found
    return names


# ---- The filter of system calls ----


def call_numbers():
    text = subprocess.check_output(["cc", "-dM", "-E", "-include", "sys/syscall.h", "-x", "c",
                                    "/dev/null"], text=True)
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)\b", text)}


def when(number, argument, mask, value, error):
    """For one call: an error where an argument, masked, equals a value."""
    return [(0x15, 0, 5, number), (0x20, 0, 0, 16 + 8 * argument), (0x54, 0, 0, mask),
            (0x15, 0, 1, value), (0x06, 0, 0, ERRNO | error), (0x20, 0, 0, 0)]


def only(number, argument, values, error):
    """For one call: an error unless an argument equals one of the values."""
    last = len(values)
    return [(0x15, 0, last + 3, number), (0x20, 0, 0, 16 + 8 * argument),
            *((0x15, last - index, 0, value) for index, value in enumerate(values)),
            (0x06, 0, 0, ERRNO | error), (0x20, 0, 0, 0)]


def filter_program(unit):
    """What systemd makes of SystemCallFilter, RestrictAddressFamilies, RestrictNamespaces,
    MemoryDenyWriteExecute and RestrictSUIDSGID, in the kernel's filter language."""
    numbers = call_numbers()
    code = [(0x20, 0, 0, 4), (0x15, 1, 0, AUDIT_ARCH[platform.machine()]),
            (0x06, 0, 0, ERRNO | EPERM), (0x20, 0, 0, 0)]
    families = [getattr(socket, name) for name in unit["RestrictAddressFamilies"][0].split()]
    code += only(numbers["socket"], 0, families, EAFNOSUPPORT)
    if unit["RestrictNamespaces"] == ["yes"]:
        code += [(0x15, 0, 1, numbers["clone3"]), (0x06, 0, 0, ERRNO | ENOSYS)]
        for flag in (1 << bit for bit in range(32) if CLONE_NEW_ANY & 1 << bit):
            code += when(numbers["clone"], 0, flag, flag, EPERM)
            code += when(numbers["unshare"], 0, flag, flag, EPERM)
    if unit["MemoryDenyWriteExecute"] == ["yes"]:
        both = PROT_WRITE | PROT_EXEC
        code += when(numbers["mmap"], 2, both, both, EPERM)
        code += when(numbers["mprotect"], 2, PROT_EXEC, PROT_EXEC, EPERM)
        code += when(numbers["pkey_mprotect"], 2, PROT_EXEC, PROT_EXEC, EPERM)
    if unit["RestrictSUIDSGID"] == ["yes"]:
        for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2)):
            for bit in (0o4000, 0o2000):
                if name in numbers:
                    code += when(numbers[name], argument, bit, bit, EPERM)
    for name in sorted(allowed_calls(unit)):
        if name in numbers:
            code += [(0x15, 0, 1, numbers[name]), (0x06, 0, 0, ALLOW)]
    return code + [(0x06, 0, 0, ERRNO | EPERM)]


def install_filter(code):
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
    program = struct.pack("@HxxxxxxP", len(code), ctypes.addressof(instructions))
    check(libc.prctl(PR_SET_SECCOMP, 2, ctypes.c_char_p(program), 0, 0))


# ---- What the program sees ----


def mount(source, target, kind, flags=0, options=None):
    check(libc.mount(str(source).encode(), str(target).encode(), kind.encode(),
                     ctypes.c_ulong(flags), options.encode() if options else None))


def bind(source, target):
    mount(source, target, "none", MS_BIND | MS_REC)


def set_read_only(path, read_only, recursive=False):
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY if read_only else 0,
                             0 if read_only else MOUNT_ATTR_RDONLY, 0, 0)
    check(libc.syscall(MOUNT_SETATTR, AT_FDCWD, str(path).encode(),
                       AT_RECURSIVE if recursive else 0, attributes, len(attributes)))


def mount_all(unit, programs, notify):
    state, runtime = Path("data"), Path("run")
    for folder, mode in ((state, unit["StateDirectoryMode"]), (runtime, unit["RuntimeDirectoryMode"])):
        folder.mkdir(exist_ok=True)
        for path in (folder, *folder.glob("*.lock"), *folder.glob("*.db*")):
            os.chown(path, USER, USER)
        folder.chmod(int(mode[0], 8))
    check(libc.unshare(CLONE_NEWNS | CLONE_NEWIPC | (CLONE_NEWNET if "PrivateNetwork" in unit else 0)))
    mount("none", "/", "none", MS_REC | MS_PRIVATE)
    kept = {name: os.open(path, os.O_PATH) for name, path in
            (("state", state), ("runtime", runtime), ("programs", programs))}
    if notify:
        os.chmod(notify, 0o777)  # as systemd's is
        kept["notify"] = os.open(notify, os.O_PATH)
    devices = {name: os.open(f"/dev/{name}", os.O_PATH)
               for name in ("null", "zero", "full", "random", "urandom")}
    targets = {"state": Path("/var/lib") / unit["StateDirectory"][0],
               "runtime": Path("/run") / unit["RuntimeDirectory"][0],
               "programs": PROGRAMS, "notify": Path("/run/notify")}
    for path, mode in (("/var/lib", 755), ("/run", 755), (PROGRAMS.parent, 755), ("/home", 700),
                       ("/root", 700), ("/tmp", 1777), ("/var/tmp", 1777)):
        mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode}")
    for name, fd in kept.items():
        targets[name].touch() if name == "notify" else targets[name].mkdir()
        bind(f"/proc/self/fd/{fd}", targets[name])
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=0755")
    for name, fd in devices.items():
        Path("/dev", name).touch()
        bind(f"/proc/self/fd/{fd}", f"/dev/{name}")
    set_read_only("/", True, recursive=True)
    for path in (targets["state"], targets["runtime"], "/tmp", "/var/tmp"):
        set_read_only(path, False)
    os.chdir("/")


def mount_proc():
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV, "subset=pid,hidepid=invisible")


# ---- Who it is ----


def enter_user_namespace():
    """PrivateUsers: root and the unit's user are all the users there are."""
    pid, (ready, go) = os.getpid(), os.pipe()
    child = os.fork()
    if child == 0:  # it stays outside, and so may say which users are inside
        try:
            os.close(go)
            os.read(ready, 1)
            for kind in ("gid_map", "uid_map"):
                Path(f"/proc/{pid}/{kind}").write_text(f"0 0 1\n{USER} {USER} 1\n", encoding="ascii")
            os._exit(0)
        finally:
            os._exit(1)
    check(libc.unshare(CLONE_NEWUSER))
    os.write(go, b"x")
    os.close(go)
    os.close(ready)
    assert os.waitpid(child, 0)[1] == 0


def become_user():
    os.setgroups([])
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # the kernel has no more than it knows
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def environment_of(unit, notify):
    environment = dict(os.environ) | INSTALLED
    return environment | ({"NOTIFY_SOCKET": "/run/notify"} if notify else {})


def main(unit_path, program, *arguments):
    unit = read_unit(unit_path)
    assert unit["User"] == unit["Group"] and unit["ProtectSystem"] == ["strict"]
    notify = os.environ.get("NOTIFY_SOCKET")
    environment = environment_of(unit, notify)
    code = filter_program(unit)
    mount_all(unit, Path(program).parent, notify)
    mount_proc()
    os.umask(int(unit["UMask"][0], 8))
    files = min(int(unit["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_CORE, (int(unit["LimitCORE"][0]),) * 2)
    enter_user_namespace()
    become_user()
    install_filter(code)
    command = [program, *arguments]
    if not arguments:
        started, *words = unit["ExecStart"][0].split()
        command = [str(PROGRAMS / Path(started).name), *words]
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])

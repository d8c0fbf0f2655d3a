"""Which symbols one ELF library needs and others offer: 64-bit little-endian, by the tables that the system's loader reads
(System V ABI, "Dynamic Linking"; Linux Standard Base, "Symbol Versioning")."""

import ctypes
import mmap
import struct
import sys
from pathlib import Path

# What a program that computes loads; libtorch_python, for one, is not among it.
LIBTORCH = ["libc10.so", "libtorch.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so"]
DYNSYM, VERNEED, VERSYM = 11, 0x6FFFFFFE, 0x6FFFFFFF


class Library:
    def __init__(self, path):
        self.path = Path(path)
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{self.path.name} is not a 64-bit little-endian ELF file.")
        (table,) = struct.unpack_from("<Q", self.data, 0x28)
        size, count = struct.unpack_from("<HH", self.data, 0x3A)
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", self.data, table + i * size) for i in range(count)]

    def _section(self, kind):
        return next((section for section in self.sections if section[1] == kind), None)

    def _text(self, at):
        return self.data[at:self.data.find(b"\0", at)].decode()

    def symbols(self):
        """(name, is defined, is weak, index of its version) of every dynamic symbol."""
        section, versions = self._section(DYNSYM), self._section(VERSYM)
        names = self.sections[section[6]][4]
        for i, (name, info, _, place, _, _) in enumerate(struct.iter_unpack("<IBBHQQ", self.data[section[4]:section[4] + section[5]])):
            if name:
                version = struct.unpack_from("<H", self.data, versions[4] + 2 * i)[0] & 0x7FFF if versions else 1
                yield self._text(names + name), place != 0, info >> 4 == 2, version

    def needed_versions(self):
        """(library, version) for each index of a version."""
        section, needs = self._section(VERNEED), {}
        if section is None:
            return needs
        names, library = self.sections[section[6]][4], section[4]
        for _ in range(section[7]):
            _, count, file, first, following = struct.unpack_from("<HHIII", self.data, library)
            need = library + first
            for _ in range(count):
                _, _, index, name, step = struct.unpack_from("<IHHII", self.data, need)
                needs[index] = (self._text(names + file), self._text(names + name))
                need += step
            library += following
        return needs

    def missing(self, folder):
        """Symbols that must be there, carry no version of a system library, and are in none of libtorch's libraries in the folder."""
        versions = self.needed_versions()
        wanted = {name for name, defined, weak, version in self.symbols() if not defined and not weak and version not in versions}
        needed = len(wanted)
        if not (Path(folder) / "libtorch_cpu.so").is_file():
            raise FileNotFoundError(f"{folder} holds no libtorch_cpu.so: expected the folder of libtorch's libraries, torch/lib of a PyTorch.")
        for path in filter(Path.is_file, (Path(folder) / name for name in LIBTORCH)):
            wanted -= {name for name, defined, _, _ in Library(path).symbols() if defined}
        return needed, sorted(wanted)

    def missing_versions(self):
        """Versions of system libraries that this machine's do not have, as the names stand in them."""
        return sorted(f"{library} {version}" for library, version in set(self.needed_versions().values())
                      if version.encode() + b"\0" not in system_library(library))


def system_library(name):
    """The content of the library that the system's loader finds by a name."""
    ctypes.CDLL(name)
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.split(maxsplit=5)[-1].strip()
            if Path(path).name.startswith(name.split(".so")[0] + ".so") or Path(path).name.startswith(name.split(".so")[0] + "-"):
                return Path(path).read_bytes()
    raise FileNotFoundError(f"{name} is loaded and not in /proc/self/maps.")


def report(library, folder):
    """What libLibTorchSharp.so lacks in a folder of libtorch's libraries."""
    own = Library(library)
    needed, missing = own.missing(folder)
    return {"check": "symbols", "library": own.path.name, "folder": str(folder), "symbolsNeeded": needed, "symbolsMissing": missing,
            "systemVersionsMissing": own.missing_versions()}


if __name__ == "__main__":
    import json
    result = report(sys.argv[1], sys.argv[2])
    print(json.dumps(result))
    sys.exit(1 if result["symbolsMissing"] else 0)

# SPDX-License-Identifier: Apache-2.0
"""Reads what a GPU's code says of itself: registers, memory, and its accesses to memory.

The toolkit of a build machine often has nvcc and ptxas alone, without cuobjdump and nvdisasm, so
the files are read here. None of the formats below is documented by NVIDIA; each is checked against
another source, named beside it, and what is not understood is an error."""
import ctypes
import struct
import subprocess
from collections import Counter
from pathlib import Path

# A fat binary is a header {magic, version, header size, size of the entries} and entries, each with
# a header of its own: kind, version, header size, size of the payload, its compressed size, …,
# architecture, …, flags, …, decompressed size. (ZLUDA, zluda_dump/src/dark_api.rs and
# cuda_types/src/dark_api.rs; the cubins in it are byte for byte those of nvcc -cubin.)
FATBIN_MAGIC = 0xBA55ED50
KIND_CUBIN = 2
FLAG_LZ4, FLAG_ZSTD = 0x2000, 0x8000

# Attributes of .nv.info and .nv.info.KERNEL: a byte of format, a byte of the attribute, two bytes
# that are the size of the value for format 4 and the value for the others. (The names are those
# that cuobjdump --dump-elf prints.)
FORMAT_SIZED = 4
MAX_THREADS, FRAME_SIZE, REGISTER_COUNT = 0x05, 0x11, 0x2F

# An instruction of Volta and later has 16 bytes. Its lowest 12 bits are the operation, whose bits 9
# to 11 are the form of the operands; bits 73 to 75 are the size of an access. (Mesa,
# src/nouveau/compiler/nak/sm70_encode.rs; compared with nvdisasm 13.2 for sm_75 to sm_100.)
# LD and ST are the accesses through an address whose memory the compiler does not know.
OPERATIONS = {0x180: "LD", 0x185: "ST", 0x181: "LDG", 0x186: "STG", 0x183: "LDL", 0x187: "STL", 0x184: "LDS",
              0x188: "STS"}
SIZES = {0: 8, 1: 8, 2: 16, 3: 16, 4: 32, 5: 64, 6: 128}
INSTRUCTION = 16

# From Hopper on, the section of a kernel's shared memory begins with the system's 1 KB of the
# block, which ptxas -v does not count.
SYSTEM_SHARED = {90: 1024, 100: 1024}


class FormatError(Exception):
    """The bytes are not what this file knows."""


def elf_sections(data):
    """Returns [(name, info, type, content)] of the sections of a 64-bit ELF file."""
    if data[:5] != b"\x7fELF\x02":
        raise FormatError("not a 64-bit ELF file")
    at, = struct.unpack_from("<Q", data, 40)
    entry, count, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, at + i * entry) for i in range(count)]
    strings = headers[names][4]

    def name(offset):
        return data[strings + offset:data.index(b"\0", strings + offset)].decode()

    return [(name(h[0]), h[7], h[1], data[h[4]:h[4] + h[5]] if h[1] != 8 else bytes(h[5])) for h in headers]


def decompressed(payload, flags, size):
    if flags & FLAG_ZSTD:
        library = ctypes.CDLL("libzstd.so.1")  # a dependency of dpkg, so Debian always has it
        library.ZSTD_decompress.restype = ctypes.c_size_t
        target = ctypes.create_string_buffer(size)
        done = library.ZSTD_decompress(target, ctypes.c_size_t(size), payload, ctypes.c_size_t(len(payload)))
        if done != size:
            raise FormatError(f"zstd gave {done} bytes of a cubin; {size} are required")
        return target.raw
    if flags & FLAG_LZ4:
        raise FormatError("a cubin compressed by LZ4, which toolkits before 12.8 write, is not read here")
    return payload


def cubins_of(path):
    """Yields the cubins in a file: itself, or those of an object's .nv_fatbin."""
    data = Path(path).read_bytes()
    if struct.unpack_from("<H", data, 18)[0] == 190:  # EM_CUDA
        yield data
        return
    for section, _, _, content in elf_sections(data):
        if section != ".nv_fatbin":
            continue
        at = 0
        while at + 16 <= len(content):
            magic, version, header, size = struct.unpack_from("<IHHQ", content, at)
            if magic == 0:  # padding
                at += 8
                continue
            if magic != FATBIN_MAGIC or version != 1:
                raise FormatError(f"{path}: a fat binary with magic {magic:#x} and version {version}")
            end = at + header + size
            at += header
            while at < end:
                kind, _, entry, payload, packed = struct.unpack_from("<HHIQI", content, at)
                flags, = struct.unpack_from("<Q", content, at + 40)
                whole, = struct.unpack_from("<Q", content, at + 56) if entry >= 64 else (0,)
                body = content[at + entry:at + entry + payload]
                if kind == KIND_CUBIN:
                    yield decompressed(body[:packed] if packed else body, flags, whole)
                at += entry + payload


def attributes(content):
    at = 0
    while at + 4 <= len(content):
        form, name, size = struct.unpack_from("<BBH", content, at)
        at += 4
        if form == FORMAT_SIZED:
            yield name, content[at:at + size]
            at += size


def accesses(code):
    """Counts the loads and stores of a kernel: {("LDG", 128): 4, …}."""
    found = Counter()
    for at in range(0, len(code) - INSTRUCTION + 1, INSTRUCTION):
        low, high = struct.unpack_from("<QQ", code, at)
        if name := OPERATIONS.get(low & 0x1FF):
            if (low >> 9) & 7 in (1, 4):
                found[name, SIZES.get((high >> 9) & 7, 0)] += 1
    return found


def kernels_of(cubin):
    """Returns [{name, arch, registers, stack, shared, threads, accesses}] of a cubin."""
    sections = elf_sections(cubin)
    flags, = struct.unpack_from("<I", cubin, 48)
    arch = (flags >> 8) & 0xFF
    by_name = {name: content for name, _, _, content in sections}
    strings, symbols = by_name[".strtab"], by_name[".symtab"]
    kernel_of = {}  # the number of a symbol → name
    for i in range(len(symbols) // 24):
        offset, = struct.unpack_from("<I", symbols, 24 * i)
        kernel_of[i] = strings[offset:strings.index(b"\0", offset)].decode()
    per_symbol = {REGISTER_COUNT: {}, FRAME_SIZE: {}}
    for name, value in attributes(by_name.get(".nv.info", b"")):
        if name in per_symbol:
            symbol, number = struct.unpack("<II", value)
            per_symbol[name][kernel_of[symbol]] = number
    kernels = []
    for section, code in by_name.items():
        if not section.startswith(".text."):
            continue
        name = section.removeprefix(".text.")
        if name not in per_symbol[REGISTER_COUNT]:
            raise FormatError(f"{name} has no number of registers")
        info = dict(attributes(by_name.get(f".nv.info.{name}", b"")))
        threads = 1
        for extent in struct.unpack("<III", info[MAX_THREADS]) if MAX_THREADS in info else (0,):
            threads *= extent
        shared = max(len(by_name.get(f".nv.shared.{name}", b"")) - SYSTEM_SHARED.get(arch, 0), 0)
        kernels.append({"name": name, "arch": arch, "registers": per_symbol[REGISTER_COUNT][name],
                        "stack": per_symbol[FRAME_SIZE].get(name, 0), "threads": threads, "shared": shared,
                        "accesses": accesses(code)})
    return kernels


def demangled(names):
    """Returns the names of C++ symbols by c++filt, and the symbols where there is no c++filt."""
    try:
        return subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True,
                              check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return names

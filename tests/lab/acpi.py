# SPDX-License-Identifier: GPL-2.0-or-later
"""An ACPI table (SSDT) that gives the lab's processors what QEMU's own tables lack: an idle state behind C1, and
frequencies. The kernel's own drivers use them, acpi_idle and acpi-cpufreq; both speak to an I/O port of QEMU's pc-testdev,
which keeps what is written to it."""
import struct

PORT = 0xE0
SYSTEM_IO, FIXED_HARDWARE = 0x01, 0x7F
MHZ = (2400, 1800, 1200)


def sized(opcode, body):
    """An object that says how long it is: the length counts its own bytes."""
    n = len(body) + 1
    if n > 63:
        n += 1
        return opcode + bytes([0x40 | n & 15, n >> 4]) + body
    return opcode + bytes([n]) + body


def number(n):
    return b"\x0c" + struct.pack("<I", n)


def package(*items):
    return sized(b"\x12", bytes([len(items)]) + b"".join(items))


def register(space, width, offset, size, address):
    """A resource template of one generic register."""
    raw = struct.pack("<BHBBBBQ", 0x82, 12, space, width, offset, size, address) + b"\x79\x00"
    return sized(b"\x11", b"\x0a" + bytes([len(raw)]) + raw)


def name(text, value):
    return b"\x08" + text.encode() + value


def processor(index):
    # Both are of type 1: nothing stops in them, so that timers go on as they do in C1.
    states = package(number(2), package(register(FIXED_HARDWARE, 1, 2, 1, 0), number(1), number(1), number(1000)),
                     package(register(SYSTEM_IO, 8, 0, 1, PORT), number(1), number(20000), number(500)))
    port = register(SYSTEM_IO, 8, 0, 1, PORT)
    frequencies = package(*(package(number(mhz), number(mhz * 10), number(10), number(10), number(i + 1), number(i + 1))
                            for i, mhz in enumerate(MHZ)))
    body = (name("_CST", states) + name("_PCT", package(port, port)) + name("_PSS", frequencies) + name("_PPC", number(0)))
    return sized(b"\x10", b"\\\x2f\x03_SB_CPUS" + f"C{index:03X}".encode() + body)


def table(processors):
    """As QEMU's `-acpitable file=` takes it."""
    body = b"".join(processor(i) for i in range(processors))
    head = struct.pack("<4sIBB6s8sI4sI", b"SSDT", 36 + len(body), 2, 0, b"KVMHST", b"LABPOWER", 1, b"LAB ", 1)
    whole = bytearray(head + body)
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)

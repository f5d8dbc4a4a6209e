"""Protobuf's wire format, as much of it as proto/trace.proto needs.
SPDX-License-Identifier: Apache-2.0"""
import struct


def read_varint(b, at):
    v = shift = 0
    while True:
        c = b[at]
        at += 1
        v |= (c & 127) << shift
        shift += 7
        if c < 128:
            return v, at


def unzigzag(v):
    return v >> 1 ^ -(v & 1)


def fields(b):
    """(number, value) of a message: integers, or bytes."""
    at = 0
    while at < len(b):
        tag, at = read_varint(b, at)
        v, at = read_varint(b, at)
        if tag & 7 == 2:
            v, at = b[at:at + v], at + v
        yield tag >> 3, v


def packed(b):
    """A packed list of sint64."""
    out, at = [], 0
    while at < len(b):
        v, at = read_varint(b, at)
        out.append(unzigzag(v))
    return out


def varint(v):
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)
    return bytes(out)


def zigzag(v):
    return (v << 1 ^ v >> 63) & 0xffffffffffffffff


def number(field, v):
    return varint(field << 3) + varint(v)


def signed(field, v):
    return number(field, zigzag(v))


def double(field, v):
    return varint(field << 3 | 1) + struct.pack('<d', v)


def data(field, b):
    if isinstance(b, str):
        b = b.encode('utf-8', 'replace').replace(b'\0', b'?')
    return varint(field << 3 | 2) + varint(len(b)) + bytes(b)


def signeds(field, vs):
    return data(field, b''.join(varint(zigzag(v)) for v in vs))

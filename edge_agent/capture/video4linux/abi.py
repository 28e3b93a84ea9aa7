"""The structures and request numbers of the kernel's video4linux interface, version 2.

Source: the Linux kernel's user-space API guide, "Video for Linux API", and its header videodev2.h;
the layout is that of 64-bit kernels (x86-64, arm64).
"""

from __future__ import annotations

import ctypes as c

CAPTURE = 1
"""V4L2_BUF_TYPE_VIDEO_CAPTURE, single-planar."""
MMAP = 1
"""V4L2_MEMORY_MMAP."""
CAN_CAPTURE = 0x1
CAN_CAPTURE_PLANES = 0x1000
CAN_STREAM = 0x0400_0000
HAS_DEVICE_CAPS = 0x8000_0000
BUFFER_ERROR = 0x40
"""V4L2_BUF_FLAG_ERROR: the bytes of the frame may be damaged."""
TIMESTAMP_MASK, TIMESTAMP_MONOTONIC = 0xE000, 0x2000
CONTROL_DISABLED, CONTROL_READ_ONLY, CONTROL_INACTIVE = 0x1, 0x4, 0x10
CONTROL_WRITE_ONLY = 0x40
CONTROL_NEXT = 0x8000_0000
"""V4L2_CTRL_FLAG_NEXT_CTRL: the first control above this id."""
INTEGER, BOOLEAN, MENU, INTEGER_MENU = 1, 2, 3, 9
FRAME_SIZE_DISCRETE = 1

U8, U32, S32, U64 = c.c_uint8, c.c_uint32, c.c_int32, c.c_uint64


class Capability(c.Structure):
    """struct v4l2_capability."""

    _fields_ = (
        ("driver", c.c_char * 16),
        ("card", c.c_char * 32),
        ("bus_info", c.c_char * 32),
        ("version", U32),
        ("capabilities", U32),
        ("device_caps", U32),
        ("reserved", U32 * 3),
    )


class FormatDescription(c.Structure):
    """struct v4l2_fmtdesc."""

    _fields_ = (
        ("index", U32),
        ("type", U32),
        ("flags", U32),
        ("description", c.c_char * 32),
        ("pixelformat", U32),
        ("reserved", U32 * 4),
    )


class PixelFormat(c.Structure):
    """struct v4l2_pix_format."""

    _fields_ = (
        ("width", U32),
        ("height", U32),
        ("pixelformat", U32),
        ("field", U32),
        ("bytesperline", U32),
        ("sizeimage", U32),
        ("rest", U32 * 6),
    )


class _FormatUnion(c.Union):
    _fields_ = (("pix", PixelFormat), ("raw", U8 * 200), ("aligned", U64))


class Format(c.Structure):
    """struct v4l2_format."""

    _fields_ = (("type", U32), ("fmt", _FormatUnion))


class Fraction(c.Structure):
    """struct v4l2_fract."""

    _fields_ = (("numerator", U32), ("denominator", U32))


class StreamParameters(c.Structure):
    """struct v4l2_streamparm with its capture half."""

    _fields_ = (
        ("type", U32),
        ("capability", U32),
        ("capturemode", U32),
        ("timeperframe", Fraction),
        ("rest", U8 * 184),
    )


class FrameSize(c.Structure):
    """struct v4l2_frmsizeenum; sizes: width and height, or min, max, step of both."""

    _fields_ = (
        ("index", U32),
        ("pixel_format", U32),
        ("type", U32),
        ("sizes", U32 * 6),
        ("reserved", U32 * 2),
    )


class FrameInterval(c.Structure):
    """struct v4l2_frmivalenum; intervals: one, or min, max, step."""

    _fields_ = (
        ("index", U32),
        ("pixel_format", U32),
        ("width", U32),
        ("height", U32),
        ("type", U32),
        ("intervals", Fraction * 3),
        ("reserved", U32 * 2),
    )


class ControlDescription(c.Structure):
    """struct v4l2_queryctrl."""

    _fields_ = (
        ("id", U32),
        ("type", U32),
        ("name", c.c_char * 32),
        ("minimum", S32),
        ("maximum", S32),
        ("step", S32),
        ("default_value", S32),
        ("flags", U32),
        ("reserved", U32 * 2),
    )


class ControlValue(c.Structure):
    """struct v4l2_control."""

    _fields_ = (("id", U32), ("value", S32))


class BufferRequest(c.Structure):
    """struct v4l2_requestbuffers."""

    _fields_ = (("count", U32), ("type", U32), ("memory", U32), ("rest", U32 * 2))


class _Timeval(c.Structure):
    _fields_ = (("tv_sec", c.c_int64), ("tv_usec", c.c_int64))


class Buffer(c.Structure):
    """struct v4l2_buffer."""

    _fields_ = (
        ("index", U32),
        ("type", U32),
        ("bytesused", U32),
        ("flags", U32),
        ("field", U32),
        ("timestamp", _Timeval),
        ("timecode", U8 * 16),
        ("sequence", U32),
        ("memory", U32),
        ("offset", U64),
        ("length", U32),
        ("reserved", U32 * 2),
    )


def _number(direction: int, number: int, kind: type[c.Structure] | type[c.c_int]) -> int:
    return direction << 30 | c.sizeof(kind) << 16 | ord("V") << 8 | number


_WRITE, _READ, _BOTH = 1, 2, 3

QUERYCAP = _number(_READ, 0, Capability)
ENUM_FMT = _number(_BOTH, 2, FormatDescription)
S_FMT = _number(_BOTH, 5, Format)
REQBUFS = _number(_BOTH, 8, BufferRequest)
QUERYBUF = _number(_BOTH, 9, Buffer)
QBUF = _number(_BOTH, 15, Buffer)
DQBUF = _number(_BOTH, 17, Buffer)
STREAMON = _number(_WRITE, 18, c.c_int)
STREAMOFF = _number(_WRITE, 19, c.c_int)
G_PARM = _number(_BOTH, 21, StreamParameters)
S_PARM = _number(_BOTH, 22, StreamParameters)
G_CTRL = _number(_BOTH, 27, ControlValue)
S_CTRL = _number(_BOTH, 28, ControlValue)
QUERYCTRL = _number(_BOTH, 36, ControlDescription)
ENUM_FRAMESIZES = _number(_BOTH, 74, FrameSize)
ENUM_FRAMEINTERVALS = _number(_BOTH, 75, FrameInterval)


def fourcc(code: int) -> str:
    """The name of a pixel format, such as YUYV."""
    return bytes((code >> shift) & 0xFF for shift in (0, 8, 16, 24)).decode("latin-1").rstrip()


def fourcc_code(name: str) -> int:
    """The number of a pixel format."""
    return int.from_bytes(name.ljust(4).encode("latin-1")[:4], "little")

"""Works out the frames of an MP3 stream before it is encoded, and makes the tag in front of them.

    header of a frame | zeros | "Info", number of frames and bytes, table of places | "LAME", delay and padding, CRC

The tag is Xing's with LAME's extension; a decoder that does not know it plays its frame as silence. Sources:
"Mp3 Info Tag revision 1 specifications" of LAME, and for the number of frames lame_encode_flush of LAME 3.100.
"""

from __future__ import annotations

import struct

from runner.errors import RunError

# The rates of each version of the format (1, 2, 2.5), and the second byte of its frames' headers: layer III, no CRC
_VERSIONS = {0xFB: (44_100, 48_000, 32_000), 0xF3: (22_050, 24_000, 16_000), 0xE3: (11_025, 12_000, 8_000)}
_MONO_ORIGINAL = 0xC4
_DELAY = 576  # samples that LAME puts in front; a decoder adds 529
_LEAST_PADDING = 576
_FIELDS = 0x0F  # frames, bytes, table of places and quality follow
_CONSTANT_RATE = 1


class Mp3Layout:
    """What a stream of constant bit rate is made of.

    Attributes:
        sndfile_level: libsndfile's compression level for this bit rate.
        tag_bytes: size of the tag's frame.
    """

    def __init__(self, rate_hz: int) -> None:
        """Choose version and bit rate.

        Raises:
            RunError: the format has no such rate.
        """
        found = [(code, rates.index(rate_hz)) for code, rates in _VERSIONS.items() if rate_hz in rates]
        if not found:
            there = ", ".join(map(str, sorted(rate for rates in _VERSIONS.values() for rate in rates)))
            raise RunError(f"mp3 of {rate_hz} Hz: the format has {there} Hz; ask for wav, pcm or flac")
        code, rate_index = found[0]
        # libsndfile's range of bit rates [kbit/s], the index of ours in the format's table, bytes in front of the tag
        most, least, self._kbps, kbps_index, self._zeros, self._frame_samples = {
            0xFB: (320, 32, 96, 7, 17, 1152),
            0xF3: (160, 8, 96, 10, 9, 576),
            0xE3: (64, 8, 64, 8, 9, 576),
        }[code]
        self.sndfile_level = (most - self._kbps) / (most - least)
        self._head = bytes((0xFF, code, kbps_index << 4 | rate_index << 2, _MONO_ORIGINAL))
        # A frame has this many bytes; where they are no whole number, some frames have one more.
        self.tag_bytes, self._rest = divmod(self._frame_samples // 8 * 1000 * self._kbps, rate_hz)
        self._rate_hz = rate_hz

    def count_frames(self, samples: int) -> int:
        """Count the frames of `samples`: LAME fills the last one, and adds one if that leaves less than 576."""
        return -(-(_DELAY + samples + _LEAST_PADDING) // self._frame_samples) if samples else 0

    def count_bytes(self, samples: int) -> int:
        """Count the bytes of the frames."""
        frames = self.count_frames(samples)
        longer = -(-(frames - 1) * self._rest // self._rate_hz) if frames else 0
        return frames * self.tag_bytes + longer

    def make_tag(self, samples: int) -> bytes:
        """Make the tag's frame. It has no CRC of the audio (0), and 0 for what is of no use to a player."""
        frames, total = self.count_frames(samples), self.tag_bytes + self.count_bytes(samples)
        padding = frames * self._frame_samples - _DELAY - samples
        places = bytes(256 * percent // 100 for percent in range(100))  # of the hundredths, in 256ths of the bytes
        xing = struct.pack(">4s3I100sI", b"Info", _FIELDS, frames, total, places, 0)
        lame = struct.pack(
            ">9sB10xB3s4xI2x",
            b"LAME3.100", _CONSTANT_RATE, self._kbps, (_DELAY << 12 | padding).to_bytes(3, "big"), total,
        )  # fmt: skip
        tag = self._head + bytes(self._zeros) + xing + lame
        return (tag + compute_crc(tag).to_bytes(2, "big")).ljust(self.tag_bytes, b"\0")


def compute_crc(data: bytes) -> int:
    """The CRC of 16 bits with the reflected polynomial 0xA001."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc

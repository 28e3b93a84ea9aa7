"""A Wi-Fi network as NetworkManager and wpa_supplicant read it.

No byte of a name or a password reaches a file as text: the name is written as numbers, and the
password as the key that WPA2 derives from it, so nothing in either needs quoting.
"""

from __future__ import annotations

import hashlib

MOST_SSID_BYTES = 32
"""IEEE 802.11-2020, 9.4.2.2"""


def wpa_key(ssid: bytes, password: str) -> str:
    """The 256 bit key as 64 hex digits (IEEE 802.11-2020, J.4); a key as such is taken as it is."""
    if len(password) == 64:
        return bytes.fromhex(password).hex()
    return hashlib.pbkdf2_hmac("sha1", password.encode("ascii"), ssid, 4096, 32).hex()


def network_manager_text(ssid: bytes, key: str) -> str:
    """A keyfile of NetworkManager; `ssid` as a list of bytes (nm-settings-keyfile(5))."""
    numbers = "".join(f"{byte};" for byte in ssid)
    return (
        "[connection]\nid=lineside-wifi\ntype=wifi\n\n"
        f"[wifi]\nmode=infrastructure\nssid={numbers}\n\n"
        f"[wifi-security]\nkey-mgmt=wpa-psk\npsk={key}\n\n"
        "[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n"
    )


def wpa_supplicant_text(ssid: bytes, key: str, country: str) -> str:
    """For a board without NetworkManager; an unquoted ssid is hex (wpa_supplicant.conf(5))."""
    return (
        f"ctrl_interface=/run/wpa_supplicant\ncountry={country}\n"
        f"network={{\n\tssid={ssid.hex()}\n\tpsk={key}\n\tkey_mgmt=WPA-PSK\n}}\n"
    )

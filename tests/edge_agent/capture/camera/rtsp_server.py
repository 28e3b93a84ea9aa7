"""An RTSP server with one live camera, run by the system's Python: PORT, JPEG|VP8.

Debian: python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PAYLOADS = {
    "JPEG": "jpegenc ! rtpjpegpay name=pay0",
    "VP8": "vp8enc deadline=1 keyframe-max-dist=15 ! rtpvp8pay name=pay0",
}


def main(port: str, codec: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_shared(True)
    size = "video/x-raw,width=320,height=240,framerate=15/1,format=I420"
    source = f"videotestsrc is-live=true pattern=snow ! {size}"
    factory.set_launch(f"( {source} ! {PAYLOADS[codec]} )")
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

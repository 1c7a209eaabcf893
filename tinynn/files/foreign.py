"""Files of other programs that are given where one of tinynn's is wanted, known by their bytes."""

from __future__ import annotations

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
LOOKED_AT = 4096  # bytes; the names of a zip archive's first members are among them


def described(data: bytes, name: str) -> str:
    """Return what a file is, and how its model gets here; "" for one that is not recognized.

    >>> described(b"\\x89HDF\\r\\n\\x1a\\n...", "m.h5")[:28]
    'm.h5 is an HDF5 file, which '
    """
    head, load = data[:LOOKED_AT], ""
    if head.startswith(HDF5):
        what, load = "an HDF5 file, which needs Keras", "from_keras(keras.models.load_model(…))"
    elif head.startswith(ZIP) and (b"metadata.json" in head or b"config.json" in head):
        what, load = "a Keras archive, which needs Keras", "from_keras(keras.models.load_model(…))"
    elif head.startswith(ZIP) and b"data.pkl" in head:
        what = "a PyTorch file, which needs PyTorch"
        load = "from_pytorch(torch.load(…)), with layers=[…] for a state dict"
    elif head.startswith(ZIP):
        return f"{name} is a zip archive; unpack it first"
    elif head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        what = "a pickle, which may run any code: only if you trust it, load it with the program"
        return f"{name} is {what} that wrote it, and give the model to from_sklearn or from_pytorch"
    else:
        return ""
    return f"{name} is {what} to be read: tinynn.importers.{load}"

import io

import qrcode


def qr_code(text):
    """Return a text as a code to scan: PNG bytes."""
    picture = io.BytesIO()
    qrcode.make(text).save(picture, format="PNG")
    return picture.getvalue()

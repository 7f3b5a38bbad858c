# SPDX-License-Identifier: Apache-2.0
"""Reads mails by Python's own parser and tells what is in them: an oracle for what Millrace writes.

Takes files of mails; answers with a JSON array of what each says.
"""
import base64
import email
import email.header
import email.policy
import email.utils
import json
import sys

policy = email.policy.default


def mailbox(message, name):
    """By the older parser: the newer one leaves the blanks between the encoded words of a name."""
    value = message[name]
    if value is None:
        return None
    return [[str(email.header.make_header(email.header.decode_header(display))), address]
            for display, address in email.utils.getaddresses([value])]


def defects(message):
    found = [type(defect).__name__ for defect in message.defects]
    for value in message.values():
        found += [type(defect).__name__ for defect in getattr(value, "defects", [])]
    return found


def part(message):
    is_text = message.get_content_maintype() == "text" and message.get_content_disposition() is None
    return {
        "type": message.get_content_type(), "name": message.get_filename(),
        "encoding": message["content-transfer-encoding"],
        "text": message.get_content() if is_text else None,
        "bytes": None if is_text else base64.b64encode(message.get_content() if isinstance(message.get_content(), bytes)
                                                       else message.get_payload(decode=True)).decode(),
    }


def told(path):
    with open(path, "rb") as file:
        raw = file.read()
    message = email.message_from_bytes(raw, policy=policy)
    old = email.message_from_bytes(raw)
    leaves = [leaf for leaf in message.walk() if not leaf.is_multipart()]
    return {
        "subject": message["subject"], "from": mailbox(old, "from"), "to": mailbox(old, "to"),
        "reply_to": mailbox(old, "reply-to"), "message_id": message["message-id"],
        "date": message["date"].datetime.timestamp(), "headers": sorted(name.lower() for name in message.keys()),
        "structure": [leaf.get_content_type() for leaf in message.walk()],
        "parts": [part(leaf) for leaf in leaves],
        "defects": [defect for leaf in message.walk() for defect in defects(leaf)],
        "longest": max(len(line) for line in raw.split(b"\r\n")),
        "is_ascii": all(byte < 0x80 for byte in raw),
        "bare_breaks": raw.replace(b"\r\n", b"").count(b"\n") + raw.replace(b"\r\n", b"").count(b"\r"),
    }


json.dump([told(path) for path in sys.argv[1:]], sys.stdout)

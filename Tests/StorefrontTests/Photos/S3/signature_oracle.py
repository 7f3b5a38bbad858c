# SPDX-License-Identifier: Apache-2.0
"""Signs requests with botocore, the library of AWS's own tools.

Takes lines of JSON: {"method", "url", "headers", "digest", "id", "secret", "token", "region", "time", "link"}; time is such as
20261123T034131Z, link the seconds that a link is to work or 0. Answers each with {"authorization"} or {"url"}.
"""

import datetime
import json
import sys

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

now = None


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return now

    @classmethod
    def now(cls, tz=None):
        return now


def header_signature(asked, credentials):
    auth = botocore.auth.S3SigV4Auth(credentials, "s3", asked["region"])
    request = AWSRequest(method=asked["method"], url=asked["url"], headers=asked["headers"])
    request.context["payload_signing_enabled"] = True
    request.headers["X-Amz-Content-SHA256"] = asked["digest"]
    auth.payload = lambda _: asked["digest"]
    auth.add_auth(request)
    return {"authorization": request.headers["Authorization"]}


def link(asked, credentials):
    auth = botocore.auth.S3SigV4QueryAuth(credentials, "s3", asked["region"], expires=asked["link"])
    request = AWSRequest(method="GET", url=asked["url"])
    auth.add_auth(request)
    return {"url": request.url}


if hasattr(botocore.auth, "get_current_datetime"):
    botocore.auth.get_current_datetime = lambda *_, **__: now
else:
    botocore.auth.datetime.datetime = Clock
print("{}", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    now = datetime.datetime.strptime(asked["time"], "%Y%m%dT%H%M%SZ")
    credentials = Credentials(asked["id"], asked["secret"], asked["token"] or None)
    print(json.dumps(link(asked, credentials) if asked["link"] else header_signature(asked, credentials)), flush=True)

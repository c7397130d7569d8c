"""Documents one step off a good one: every field with every kind of value, told twice, in odd dress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

GOOD_MESSAGE: Mapping[str, bytes] = {
    "message_id": b'"m1"',
    "account_id": b'"acme"',
    "to": b'"+61491570156"',
    "body": b'"hello"',
}
GOOD_RECIPIENT: Mapping[str, bytes] = {"to": b'"+61491570156"', "message_id": b'"m1"'}
GOOD_BATCH: Mapping[str, bytes] = {
    "account_id": b'"acme"',
    "campaign_id": b'"c1"',
    "batch_id": b'"b1"',
    "body": b'"hello"',
    "recipients": b'[{"to":"+61491570156"}]',
}

SHARED_FIELDS = (
    *("account_id", "subaccount_id", "country", "body", "product", "media_urls", "sender_id", "from", "sender_type"),
    *("traffic_class", "reply_expected", "source", "custom_string", "schedule", "expires_at"),
)
#: With names that our own structs have, and that no document may set.
MESSAGE_FIELDS = (*SHARED_FIELDS, "message_id", "to", "vip", "extra", "tail", "alias", "campaign_id", "batch_id")
RECIPIENT_FIELDS = ("to", "message_id", "body", "country", "custom_string", "vip", "extra", "sender_id")
BATCH_FIELDS = (
    *SHARED_FIELDS,
    *("campaign_id", "batch_id", "recipients", "senders", "total_batches", "message_id", "to", "vip", "extra", "part"),
)

#: A value of JSON, or nearly. Texts of every field that names one are among them.
VALUES = (
    *(b"null", b"true", b"false", b"True", b"none", b"undefined", b""),
    *(b"0", b"-0", b"1", b"-1", b"01", b"+1", b"1.", b".5", b"1.0", b"-0.0", b"1.5", b"1e2", b"1E+2", b"3.0e0"),
    *(b"1e400", b"-1e400", b"1e-400", b"NaN", b"Infinity", b"-Infinity", b"0x10"),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"1" + b"0" * 400),
    *(b'""', b'" "', b'"1"', b'"true"', b'"null"', b"'x'", b'"x', b'x"'),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\\x41"', b'"\\u00e"', b'"\\/"'),
    *(b'"\xf0\x9f\x98\x80"', b'"\xff"', b'"\xc3\x28"', b'"\xed\xa0\x80"', b'"\xef\xbb\xbfx"', b'"\x00"', b'"a\nb"'),
    *(b'"AU"', b'"au"', b'"UK"', b'"uk"', b'"AU\\n"', b'"A"', b'"AUS"', b'"1A"', b'" AU"', '"ÅÄ"'.encode()),
    *(b'"SMS"', b'"MMS"', b'"sms"', b'"alpha_tag"', b'"10DLC"', b'"10dlc"', b'"otp"', b'"transactional"'),
    *(b'"2026-01-31T12:00:00Z"', b'"2026-01-31t12:00:00.5+10:00"', b'"2026-02-30T12:00:00Z"', b'"2026-01-31"'),
    *(b'"%b"' % (b"x" * size) for size in (64, 65, 1600, 1601)),
    *('"{}"'.format("😀" * size).encode() for size in (64, 65, 1600, 1601)),
    *(b"[]", b"[null]", b"[1]", b'["https://example.com"]', b'["\xff"]', b"[[]]", b"[{}]", b'["x",]', b"[1 2]"),
    *(
        b"{}",
        b'{"to":"+61491570156"}',
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"\\ud800":1}',
        b"{a:1}",
        b'{"a":1,}',
        b"{1:1}",
    ),
    *(b"[" * depth + b"]" * depth for depth in (100, 900, 2_000, 20_000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (100, 900, 2_000)),
)
SENDERS = (
    b'[{"recipient_country_code":"AU","sender_type":"alpha_tag","sender_id":"ACME"}]',
    b'[{"recipient_country_code":"uk","sender_type":"shared_longcode"}]',
    b'[{"recipient_country_code":"AU","sender_type":"alpha_tag","sender_id":1}]',
    b'[{"recipient_country_code":"AU","sender_type":"fax"}]',
    b'[{"recipient_country_code":"AU","sender_type":"alpha_tag","sender_country_code":"zz","note":1}]',
    b'{"AU":"ACME"}',
)
TOTALS = (b"10", b"10.0", b'"10"', b"1e1")


def written(fields: Mapping[str, bytes]) -> bytes:
    """The fields as one JSON object."""
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), value) for name, value in fields.items())


def near(good: Mapping[str, bytes], names: tuple[str, ...]) -> Iterator[bytes]:
    """Each field left out, with each value, and told twice with each value first and last."""
    for name in names:
        rest = {other: value for other, value in good.items() if other != name}
        yield written(rest)
        for value in (*VALUES, *(SENDERS if name == "senders" else ()), *(TOTALS if name == "total_batches" else ())):
            told = b'"%b":%b' % (name.encode(), value)
            yield written(rest)[:-1] + b",%b}" % told
            first = good.get(name, b"null")
            yield b'{%b,"%b":%b,%b' % (told, name.encode(), first, written(rest)[1:])
            yield written({**rest, name: first})[:-1] + b",%b}" % told


def dressed(document: bytes) -> Iterator[bytes]:
    """The same document, and what is nearly the same."""
    for before in (b"", b" ", b"\r\n\t ", b"\xef\xbb\xbf", b"\xc2\xa0", b"\x00", b"\x0b", b"/**/", b"[", b"1"):
        for behind in (b"", b" ", b"\r\n\t ", b"\x00", b",", b"]", b"}", b"//", b" {}", document):
            yield before + document + behind
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-7"):
        yield document.decode().encode(encoding)
    yield from (document[:cut] for cut in range(len(document)))
    yield b"[%b]" % document
    yield b'"%b"' % document.replace(b'"', b'\\"')

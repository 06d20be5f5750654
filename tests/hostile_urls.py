"""Addresses that somebody may give as a webhook to reach what only our machines reach. `{port}` is the trap's."""

HOSTILE = (
    # this machine, plainly and in disguise
    "https://127.0.0.1:{port}/", "https://127.1:{port}/", "https://127.0.1:{port}/", "https://127.255.255.254:{port}/",
    "https://0.0.0.0:{port}/", "https://0:{port}/", "https://2130706433:{port}/", "https://0x7f000001:{port}/",
    "https://0x7f.0.0.1:{port}/", "https://0177.0.0.1:{port}/", "https://017700000001:{port}/",
    "https://0x7f.1:{port}/", "https://127.0.0.1.:{port}/", "https://localhost:{port}/", "https://LOCALHOST:{port}/",
    "https://localhost.:{port}/", "https://app.localhost:{port}/", "https://localhost.localdomain:{port}/",
    "https://[::1]:{port}/", "https://[::]:{port}/", "https://[0:0:0:0:0:0:0:1]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/", "https://[::ffff:7f00:1]:{port}/", "https://[::127.0.0.1]:{port}/",
    "https://[::ffff:0:127.0.0.1]:{port}/", "https://[64:ff9b::127.0.0.1]:{port}/",
    "https://[64:ff9b:1::7f00:1]:{port}/", "https://[2002:7f00:1::]:{port}/", "https://[::1%25lo]:{port}/",
    "https://①②⑦.⓪.⓪.①:{port}/", "https://127。0。0。1:{port}/", "https://ⓛocalhost:{port}/",
    # networks behind us
    "https://10.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://172.16.0.1/", "https://192.168.1.1/",
    "https://100.64.0.1/", "https://198.18.0.1/", "https://192.0.2.1/", "https://240.0.0.1/", "https://255.255.255.255/",
    "https://224.0.0.1/", "https://[fe80::1]/", "https://[fec0::1]/", "https://[fc00::1]/", "https://[fd12::1]/",
    "https://[ff02::1]/", "https://[2001:db8::1]/", "https://[2001:0:7f00:1::]/", "https://[100::1]/",
    "https://router.lan/", "https://nas.local/", "https://db.internal/", "https://intranet/",
    # metadata services of clouds
    "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://[::ffff:a9fe:a9fe]/",
    "https://100.100.100.200/", "https://192.0.0.192/", "https://168.63.129.16/", "https://2852039166/",
    "https://metadata.google.internal/",
    # other schemes, and texts that parsers read differently
    "http://127.0.0.1:{port}/", "http://shop.example/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "https:127.0.0.1:{port}/", "https:///127.0.0.1:{port}/",
    "https://shop.example@127.0.0.1:{port}/", "https://127.0.0.1:{port}@shop.example/",
    "https://shop.example\\@127.0.0.1:{port}/", "https://127.0.0.1:{port}#@shop.example/",
    "https://127.0.0.1:{port}\\@shop.example/", "https://shop.example:{port}:80/", "https://[127.0.0.1]:{port}/",
    "https://127.0.0.1%2f@shop.example/", "https://127.0.0.1\t:{port}/", "https://127.0.0.1:{port}/\r\nHost: x",
    "https://%31%32%37.0.0.1:{port}/", "https://-shop.example/", "https://shop..example/", "https://",
    "https://" + "a." * 200 + "example/",
    "https://shop.example:0/", "https://shop.example:99999/",
)  # fmt: skip

"""The site that every program scrapes: listing pages of about 100 kB with 30 items, the same bytes on every machine.

`make_site` writes `seq/p<N>.html`, where each page links to the next, and `ind/<N>.html`, the same without links.
Links are relative, so that the whole site can also be had under another name (`under`), where nobody has been yet.

    python -m bench.site FOLDER [--pages 1000] [--port 8080] [--delay SECONDS]

makes it and serves it until it is ended; with a delay, each answer comes so many seconds after its request.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import random
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

import uvloop
from aiohttp import web

from bench.work import ITEMS
from tests.conftest import find_free_port

WORDS = [
    *(
        "Osteria",
        "Bistro",
        "Brasserie",
        "Kitchen",
        "Garden",
        "Harbor",
        "Golden",
        "Silver",
        "Olive",
        "Pepper",
        "Saffron",
    ),
    *(
        "Lotus",
        "Maple",
        "River",
        "Stone",
        "Old",
        "Royal",
        "Little",
        "Grand",
        "Blue",
        "Red",
        "Green",
        "Corner",
        "Market",
    ),
    *("Station", "Mill", "Court", "Bridge", "Anchor", "Lantern", "Basil", "Café", "Süd", "Año"),
]
STREETS = (
    "Via Roma",
    "Main Street",
    "Rue de Rivoli",
    "Königsallee",
    "Corso Italia",
    "Plaza Mayor",
    "Elm Avenue",
)
TAGS = [
    *("italian", "vegan", "sushi", "seafood", "steak", "brunch", "pizza", "tapas"),
    *("ramen", "halal", "kosher", "burgers", "thai", "indian", "french"),
]
ICON = (
    '<svg class="icon" width="16" height="16" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 17.27L18.18 21l'
    '-1.64-7.03L22 9.24l-7.19-.61L12 2 9.19 8.63 2 9.24l5.46 4.73L5.82 21z"></path></svg>'
)
NGINX = Template("""
worker_processes 1; daemon off; pid $run/pid; error_log $run/error.log warn;
events { worker_connections 2048; }
http {
  types { text/html html; } access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; gzip off; etag on;
  keepalive_requests 1000000; open_file_cache max=5000; open_file_cache_valid 600s;
  client_body_temp_path $run; proxy_temp_path $run; fastcgi_temp_path $run; uwsgi_temp_path $run; scgi_temp_path $run;
  server { listen 127.0.0.1:$port backlog=2048; root $root; charset utf-8; }
}
""")


def make_page(number: int, *, last: int, linked: bool) -> str:
    """Page `number` of `last`; `linked` to those before and after it."""
    chance = random.Random(number)
    head, menu, filters, foot = _surroundings(chance)
    cards = "".join(_card(chance, (number - 1) * ITEMS + at) for at in range(ITEMS))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Restaurants, page {number}</title>'
        f'{head}</head>\n<body><header><nav><ul class="nav">{menu}</ul></nav></header><main>'
        f'<aside class="filters"><form>{filters}</form></aside><section class="results"><h1>Restaurants</h1>'
        f'<ol class="resultList">\n{cards}</ol>{_pagination(number, last) if linked else ""}</section></main>'
        f'<footer><ul class="foot">{foot}</ul></footer></body></html>'
    )


def _surroundings(chance: random.Random) -> tuple[str, str, str, str]:
    """What stands around the items, which makes most of a real page: head, menu, filters, foot."""
    styles = "".join(
        f".c{n}-{chance.randrange(10**6)}{{margin:{chance.randrange(40)}px;color:#{chance.randrange(1 << 24):06x};"
        f"padding:{chance.randrange(20)}px}}\n"
        for n in range(100)
    )
    scripts = "".join(
        f'window.cfg["k{n}"]={{"id":{chance.randrange(10**8)},"u":"https://cdn.example/a/{chance.randrange(10**8)}.js"}};\n'
        for n in range(60)
    )
    menu = "".join(
        f'<li class="nav-item"><a class="nav-link" href="/city/{n}" data-track="nav:{n}"><span>{html.escape(word)}'
        "</span></a><ul>"
        + "".join(f'<li><a href="/city/{n}/{tag}">{tag}</a></li>' for tag in chance.sample(TAGS, 6))
        + "</ul></li>"
        for n, word in enumerate(chance.sample(WORDS, 18))
    )
    filters = "".join(
        f'<label class="filter"><input type="checkbox" name="f{n}" value="{n}"><span>{tag} &amp; more</span>'
        f"<em>({chance.randrange(900)})</em></label>"
        for n, tag in enumerate(TAGS * 3)
    )
    foot = "".join(
        f'<li><a href="/about/{n}" rel="nofollow">{chance.choice(WORDS)} {chance.choice(WORDS)}</a></li>'
        for n in range(80)
    )
    return f"<style>{styles}</style><script>{scripts}</script>", menu, filters, foot


def _card(chance: random.Random, number: int) -> str:
    name = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {number}"
    slug = name.lower().replace(" ", "-")
    tags = "".join(f'<li class="tag"><a href="/tag/{tag}">{tag}</a></li>' for tag in chance.sample(TAGS, 4))
    rating = chance.randrange(20, 50) / 10
    stars = "".join(f'<span class="star{" on" if n < rating else ""}">{ICON}</span>' for n in range(5))
    return (
        f'<li class="resultItem js-card" data-id="{number}"><article class="card" itemscope>\n'
        f' <div class="media"><a href="/r/{number}"><img loading="lazy" width="320" height="240" alt="{name}" '
        f'src="/img/{number}-320.jpg" srcset="/img/{number}-320.jpg 1x, /img/{number}-640.jpg 2x"></a></div>\n'
        f' <div class="body"><h3 class="resultItem-name"><a href="/r/{number}-{slug}">{name}</a></h3>\n'
        f' <div class="resultItem-rating" aria-label="{rating} of 5">{stars}<span class="value">{rating}</span></div>\n'
        f' <div class="resultItem-address">{chance.randrange(1, 200)} {chance.choice(STREETS)}, '
        f"{chance.randrange(10000, 99999)} {chance.choice(WORDS)}ville</div>\n"
        f' <div class="resultItem-price"><span class="price">&euro;{chance.randrange(8, 140)}.'
        f"{chance.randrange(100):02d}</span> <small>average</small></div>\n"
        f' <ul class="tags">{tags}</ul>\n'
        f' <p class="snippet">{" ".join(chance.choices(WORDS, k=28)).lower()}&hellip;</p>\n'
        f' <div class="actions"><button type="button" data-id="{number}">{ICON}<span>Save</span></button>'
        f'<a class="btn" href="/book/{number}?utm_source=list&amp;pos={number}">Book a table</a></div></div>\n'
        "</article></li>\n"
    )


def _pagination(number: int, last: int) -> str:
    near = range(max(1, number - 3), min(last, number + 3) + 1)
    numbers = "".join(f'<li><a href="p{each}.html">{each}</a></li>' for each in near)
    following = f'<li class="next"><a href="p{number + 1}.html">Next</a></li>' if number < last else ""
    return f'<div class="pagination"><ul>{numbers}{following}</ul></div>'


def make_site(root: Path, pages: int) -> int:
    """Write `pages` pages of each kind under `root` unless they are there; the mean size of a page in bytes."""
    made = root / f"made-{pages}"
    if not made.exists():
        for folder in ("seq", "ind"):
            shutil.rmtree(root / folder, ignore_errors=True)
            (root / folder).mkdir(parents=True)
        for number in range(1, pages + 1):
            (root / f"seq/p{number}.html").write_text(make_page(number, last=pages, linked=True))
            (root / f"ind/{number}.html").write_text(make_page(number, last=pages, linked=False))
        made.touch()
    return sum(each.stat().st_size for each in (root / "seq").iterdir()) // pages


def under(root: Path, name: str) -> None:
    """Let the whole site be had under `/<name>/` too; before that, there is nothing there."""
    (root / name).symlink_to(".")


@contextmanager
def serving(root: Path, *, delay: float = 0.0) -> Iterator[str]:
    """The site, served by a process of its own: NGINX where there is one and no delay is asked for. Its URL."""
    port = find_free_port()
    run = root.parent / f"run-{port}"
    run.mkdir()
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx and not delay:
        (run / "conf").write_text(NGINX.substitute(run=run, root=root, port=port))
        command = [nginx, "-p", str(run), "-c", str(run / "conf"), "-e", str(run / "error.log")]
    else:
        command = [sys.executable, "-m", "bench.site", str(root), "--port", str(port), "--delay", str(delay)]
    process = subprocess.Popen(command)
    try:
        _await(f"http://127.0.0.1:{port}/seq/p1.html", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(run)


def server_name(*, delay: float = 0.0) -> str:
    """What `serving` serves with."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    return "NGINX" if found and not delay else "aiohttp, in a process of its own"


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"the site does not answer at {url}")


async def _serve(root: Path, port: int, delay: float) -> None:
    """All pages from memory, with an entity tag."""
    pages: dict[str, bytes] = {}

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(delay)
        path = request.path
        if (body := pages.get(path)) is None and (file := root / path.lstrip("/")).is_file():
            body = pages[path] = file.read_bytes()
        if body is None:
            raise web.HTTPNotFound
        tag = f'"{file_tag(body)}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers={"ETag": tag})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
    await asyncio.Event().wait()


def file_tag(body: bytes) -> str:
    """Enough of a tag for pages whose titles differ: Python keeps the hash of bytes, so it costs nothing twice."""
    return f"{len(body):x}-{hash(body) & 0xFFFFFFFF:x}"


def main() -> None:
    """Make it and serve it."""
    parser = argparse.ArgumentParser(description="Make and serve the site of the benchmarks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=0, help="make so many pages of each kind first")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds from a request to its answer")
    arguments = parser.parse_args()
    if arguments.pages:
        make_site(arguments.folder, arguments.pages)
    uvloop.run(_serve(arguments.folder, arguments.port, arguments.delay))


if __name__ == "__main__":
    main()

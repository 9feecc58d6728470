"""The doors of the system that people and devices use, opened by programs.

Operators press their buttons over Odoo's web session, each with his own log-in;
residents use a browser; the simulated meters have a control port.
"""

import contextlib
import shutil
from decimal import Decimal

import requests
from runtime import SetupError

TIMEOUT = 120
CHROMIUM_ARGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


class DoorError(SetupError):
    """What the system said instead of doing what it was asked."""


class Operator:
    """A person at Odoo's desk: a web session with his own rights."""

    def __init__(self, url, database, login, password):
        self.url = url
        self.session = requests.Session()
        found = self._rpc(
            "/web/session/authenticate",
            {"db": database, "login": login, "password": password},
        )
        self.uid = found["uid"]
        self.context = found["user_context"]

    def _rpc(self, path, params):
        """Return the result of one JSON-RPC request.

        :raises DoorError: with the sentence that the person would read
        """
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        response = self.session.post(self.url + path, json=body, timeout=TIMEOUT)
        response.raise_for_status()
        answer = response.json()
        if "error" in answer:
            data = answer["error"].get("data", {})
            raise DoorError(data.get("message") or answer["error"]["message"])
        return answer.get("result")

    def ask(self, path, params):
        """Return what a page's own route answers to the script of the page."""
        return self._rpc(path, params)

    def call(self, model, method, *args, context=None, **kwargs):
        """Call a method as the web client does."""
        kwargs["context"] = {**self.context, **(context or {})}
        return self._rpc(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": args, "kwargs": kwargs},
        )

    def find(self, model, domain, fields, **options):
        """Return the records of a domain as dictionaries."""
        return self.call(model, "search_read", domain, fields, **options)

    def one(self, model, domain, fields, **options):
        """Return the only (or first, when ordered) record of a domain."""
        found = self.find(model, domain, fields, limit=1, **options)
        if not found:
            raise DoorError(f"no {model} with {domain}")
        return found[0]

    def read(self, model, record_id, fields):
        return self.call(model, "read", [record_id], fields)[0]

    def count(self, model, domain):
        return self.call(model, "search_count", domain)

    def press(self, model, record_ids, method, context=None):
        """Press a button of a form or a list; return the action that opens."""
        if isinstance(record_ids, int):
            record_ids = [record_ids]
        return self.call(model, method, record_ids, context=context)

    def create(self, model, values, context=None):
        [record_id] = self.call(model, "create", [values], context=context)
        return record_id


class SimulatedMeters:
    """The control port of the simulator: faults, and what a meter itself says."""

    def __init__(self, url):
        self.url = url

    def ask(self, address):
        """Return a meter's own state; numbers are Decimal."""
        state = self._json(
            requests.get(f"{self.url}/meters/{address}", timeout=TIMEOUT)
        )
        for name in ("index", "balance"):
            state[name] = Decimal(state[name])
        return state

    def tell(self, address, **changes):
        """Give a meter a fault, or take it away."""
        url = f"{self.url}/meters/{address}"
        self._json(requests.post(url, json=changes, timeout=TIMEOUT))

    @contextlib.contextmanager
    def fault(self, address, **changes):
        """Let a meter have a fault for a while."""
        state = self.ask(address)
        self.tell(address, **changes)
        try:
            yield
        finally:
            # the simulator may be gone already when something else went wrong
            with contextlib.suppress(requests.ConnectionError):
                self.tell(address, **{name: state[name] for name in changes})

    def ask_dtu(self, terminal):
        return self._json(requests.get(f"{self.url}/dtus/{terminal}", timeout=TIMEOUT))

    def tell_dtu(self, terminal, **changes):
        url = f"{self.url}/dtus/{terminal}"
        return self._json(requests.post(url, json=changes, timeout=TIMEOUT))

    @staticmethod
    def _json(response):
        if not response.ok:
            raise DoorError(f"the simulator says: {response.text}")
        return response.json()


@contextlib.contextmanager
def chromium():
    """Run a browser; yields Playwright's Browser."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if not path:
        raise SetupError("Chromium is missing. Run setup/install.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=CHROMIUM_ARGS, headless=True
        )
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody with a browser, logged in."""

    def __init__(self, browser, url, login, password, viewport=DESKTOP):
        self.url = url
        self.context = browser.new_context(
            base_url=url,
            viewport=viewport,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            accept_downloads=True,
        )
        self.context.set_default_timeout(TIMEOUT * 1000 / 2)
        self.page = self.context.new_page()
        self.go("/web/login")
        self.page.fill("input[name=login]", login)
        self.page.fill("input[name=password]", password)
        self.page.click(".oe_login_form button[type=submit]")
        self.page.wait_for_url(lambda address: "/web/login" not in address)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.context.close()

    def go(self, path):
        """Open a page.

        :raises DoorError: the server answers with an error
        """
        response = self.page.goto(path)
        if response and not response.ok:
            raise DoorError(f"{path} answers {response.status}")

    def wait(self, selector):
        """Wait until something is visible; return its (first) element."""
        element = self.page.locator(selector).first
        element.wait_for(state="visible")
        return element

    def text(self, selector):
        """Return the text of the first element that a selector finds, when visible."""
        return " ".join(self.wait(selector).inner_text().split())

    def download(self, path):
        """Return the bytes behind an address, with this visitor's session.

        :raises DoorError: the answer is not a document
        """
        response = self.context.request.get(path)
        if not response.ok:
            raise DoorError(f"{path} answers {response.status}")
        return response.body()

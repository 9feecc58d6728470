"""MQTT: uplinks of a LoRaWAN network server through a broker such as Mosquitto."""

import asyncio
import logging
import ssl
from urllib.parse import urlsplit

import aiomqtt

from . import downlinks
from . import profile as profiles
from .profile import MessageError

_logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
SCHEMES = {"mqtt": 1883, "mqtts": 8883}
AT_LEAST_ONCE = 1
HANDED_OVER = 10.0  # seconds that the broker may take for a downlink


def broker(url):
    """(host, port, TLS context or None) of ``mqtt://HOST:PORT`` or ``mqtts://…``.

    :raises ValueError: a sentence
    """
    parts = urlsplit(url)
    try:
        port = parts.port or SCHEMES[parts.scheme]
    except (KeyError, ValueError):
        port = None
    if not parts.hostname or not port or parts.username:
        raise ValueError(
            "mqtt_url must be like mqtt://HOST:1883 or mqtts://HOST:8883; user and "
            "password have settings of their own."
        )
    secure = parts.scheme == "mqtts"
    return parts.hostname, port, ssl.create_default_context() if secure else None


class MqttUplinks:
    """Keeps one subscription alive. The broker keeps for it what comes meanwhile.

    The session is a lasting one (its own client id, QoS 1), and a message is on disk
    before the broker hears that it has arrived: nothing is lost by a kill or a restart
    of head-end or broker, and what comes twice is one event.
    """

    def __init__(self, config, sink):
        self.config = config
        self.sink = sink
        self.profile = profiles.load(config.mqtt_profile)
        self.connected = asyncio.Event()
        self._host, self._port, self._tls = broker(config.mqtt_url)
        self._topics = [config.mqtt_topic, *downlinks.topics(config.mqtt_topic)]
        self._problem = None
        self._disk_is_full = False
        self._task = None
        self._line = None

    async def start(self):
        self._task = asyncio.create_task(self._run())

    async def stop(self):
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self):
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._client() as client:
                    for topic in self._topics:
                        await client.subscribe(topic, qos=AT_LEAST_ONCE)
                    self._line = client
                    self._up()
                    pause = LONGEST_PAUSE if self._disk_is_full else FIRST_PAUSE
                    async for _message in client.messages:
                        pass  # it is on disk already: see _Inbox
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                self._down(error)
            finally:
                self._line = None
                self.connected.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def send(self, message):
        """Hand a downlink over; returns when the broker has it.

        :param dict message: see :func:`.downlinks.command`
        :raises DownlinkError: it was not handed over
        :raises aiomqtt.MqttError: nobody knows
        """
        topic, payload = downlinks.command(message)
        if not self._line:
            raise downlinks.DownlinkError("The MQTT broker is not connected.")
        _logger.info("downlink to %s, %s", message["device"], message["number"])
        await self._line.publish(topic, payload, qos=AT_LEAST_ONCE, timeout=HANDED_OVER)

    def _client(self):
        config = self.config
        take = self._take

        class Inbox(_Inbox):
            handler = staticmethod(take)

        return aiomqtt.Client(
            self._host,
            self._port,
            username=config.mqtt_user or None,
            password=config.mqtt_password or None,
            identifier=f"amr-headend-{config.name}",
            clean_session=False,
            queue_type=Inbox,
            tls_context=self._tls,
        )

    def _take(self, message):
        """One message of the broker; what it cannot use is said and dropped.

        :raises OSError: it is not on disk, so that the broker must keep it: an
            exception here leaves it unacknowledged
        """
        payload = message.payload
        body = payload if payload is not None else b""
        event = str(message.topic).rpartition("/")[2]
        try:
            if event in downlinks.EVENTS:
                self.sink.receipt(self.profile, event, body)
            else:
                self.sink.take(self.profile, body)
        except MessageError as error:
            _logger.warning("an uplink on %s was refused: %s", message.topic, error)
        except Exception:
            # the broker would bring it again and again, and nothing behind it
            _logger.exception("an uplink on %s cannot be used", message.topic)
        self._disk_is_full = not self.sink.spool.commit()
        if self._disk_is_full:
            raise OSError("an uplink could not be written to disk")

    def _up(self):
        self._problem = None
        self.connected.set()
        _logger.info("uplinks by MQTT from %s:%s", self._host, self._port)

    def _down(self, error):
        """Say in the log when the broker goes away, not at every attempt."""
        text = str(error)
        if text != self._problem:
            _logger.warning("MQTT %s:%s: %s", self._host, self._port, text)
        self._problem = text


class _Inbox(asyncio.Queue):
    """Handles a message as it comes in: the client acknowledges it only afterwards."""

    handler = None

    def put_nowait(self, item):
        self.handler(item)
        return super().put_nowait(item)

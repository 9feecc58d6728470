"""The doors for uplinks that the configuration opens."""

from ..config import ConfigError
from .http import HttpUplinks
from .mqtt import MqttUplinks
from .profile import ProfileError
from .sink import Sink


class UplinkDoors:
    """HTTP when there is a token for it, MQTT when there is a broker.

    :raises ConfigError: a setting is wrong
    """

    def __init__(self, config, spool):
        sink = Sink(spool)
        try:
            self.http = HttpUplinks(config, sink) if config.uplink_token else None
            self.mqtt = MqttUplinks(config, sink) if config.mqtt_url else None
        except (ProfileError, ValueError) as error:
            raise ConfigError(str(error)) from error

    def _open(self):
        return [door for door in (self.http, self.mqtt) if door]

    async def start(self):
        for door in self._open():
            await door.start()

    async def stop(self):
        for door in self._open():
            await door.stop()
